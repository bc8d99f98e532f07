import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Connection } from './http-connection.ts';

/** Below the ephemeral ports (Linux: from 32768), which the system gives to any connection before their new owner has come. */
const PORTS = { from: 15_000, below: 32_768 };

/** Returns a loopback port that was free a moment ago, and that the system gives to nobody who doesn't ask for it by its number. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.below);
    try {
      await tryPort(port);
      return port;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    }
  }
}

/** Listens on a loopback port for a moment. @throws the system's error where it can't be had. */
export async function tryPort(port: number): Promise<void> {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  server.close();
  await once(server, 'close');
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
