import { once } from 'node:events';
import { createServer, request } from 'node:http';

/** Passes everything on to a server as it is, except one header of its answers. Where `change` throws, the connection is cut. */
export async function startTamperingProxy(
  target: string,
  headerName: string,
  change: (value: string, path: string) => string,
): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((incoming, outgoing) => {
    const { method, headers } = incoming;
    const onward = request(new URL(incoming.url ?? '/', target), { method, headers }, (answer) => {
      try {
        const changed = Object.entries(answer.headers).map(([name, value]) => [
          name,
          name === headerName ? change(String(value), incoming.url ?? '/') : value,
        ]);
        outgoing.writeHead(answer.statusCode ?? 500, Object.fromEntries(changed));
        answer.pipe(outgoing);
      } catch {
        outgoing.destroy();
      }
    });
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
