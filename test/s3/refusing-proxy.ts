import { once } from 'node:events';
import { createServer, request } from 'node:http';

/** Passes calls on to a store, and refuses what a signed URL asks for, as a store does whose clock is another. */
export async function startRefusingProxy(target: string): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((incoming, outgoing) => {
    if (incoming.url?.includes('X-Amz-Signature=') === true) {
      incoming.resume();
      outgoing.writeHead(403).end('<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>');
      return;
    }
    const { method, headers, url = '/' } = incoming;
    const onward = request(new URL(url, target), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
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
