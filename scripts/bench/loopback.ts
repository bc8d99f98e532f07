import { createServer } from 'node:net';
import { Connection } from './http-connection.ts';

/** Returns a loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  if (address === null || typeof address === 'string') throw new Error('the system gave no port');
  return address.port;
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
