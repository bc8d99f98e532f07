import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startChild } from './child.ts';
import { answers, freePort } from './loopback.ts';
import { expectStatus, rangeHeaders, type Subject } from './subject.ts';

export const BARE_NODE = 'bare node:http';

/** Starts the bare `node:http` server, and answers when it takes requests. */
export async function startBare(stack: AsyncDisposableStack, root: string): Promise<Subject> {
  const port = await freePort();
  const folder = join(root, 'bare');
  const script = fileURLToPath(new URL('./bare-server.ts', import.meta.url));
  const args = [script, String(port), folder];
  const child = startChild(stack, { name: BARE_NODE, file: process.execPath, args, folder });
  await child.readyAfterMs(() => answers(port, '/'));

  return {
    name: BARE_NODE,
    version: `Node ${process.version}`,
    port,
    usage: child.usage,
    async put(connection, { digest, body }) {
      const target = `/${digest}`;
      expectStatus(await connection.request({ step: 'put', method: 'PUT', target, body: body() }), 201, 'the put');
    },
    async get(connection, digest, take, range) {
      return connection.request({
        step: 'get',
        method: 'GET',
        target: `/${digest}`,
        headers: rangeHeaders(range),
        take,
      });
    },
  };
}
