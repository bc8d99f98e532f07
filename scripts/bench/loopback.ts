import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { Connection } from './http-connection.ts';

/** Below the ephemeral ports (Linux: from 32768), which the system gives to any connection before their new owner has come. */
const PORTS = { from: 15_000, below: 32_768 };

/** Returns a loopback port that was free a moment ago, and that the system gives to nobody who doesn't ask for it by its number. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.below);
    if (await canListenOn(port)) return port;
  }
}

async function canListenOn(port: number): Promise<boolean> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(error);
    });
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (listens) await new Promise((resolve) => server.close(resolve));
  return listens;
}

/** Tells whether a server on this port answers at all. */
export async function answers(port: number, target: string): Promise<boolean> {
  const connection = new Connection(port);
  try {
    await connection.request({ step: 'probe', method: 'GET', target });
    return true;
  } catch {
    return false;
  } finally {
    connection.close();
  }
}
