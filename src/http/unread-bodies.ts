import type { IncomingMessage } from 'node:http';
import type { App } from './app.ts';

/** What is left of a body that nobody wants may go on coming in for this long, and up to this much. */
const LINGER_MS = 5_000;
const MAXIMUM_DRAINED_BYTES = 8 * 1024 ** 2;
/** Then nothing more is read, and the client has this long to read the answer before the connection is cut. */
const LAST_WORD_MS = 1_000;

/**
 * What is left of a body that was given up, or that the request should not have, has to come in, or the next request on this connection
 * never does, and a client that sends before it reads never sees its answer. But not for ever, nor all of it.
 */
export function boundUnreadBodies(app: App, isAccepting: () => boolean): void {
  const draining = new WeakSet<IncomingMessage>();
  const drainOnce = (raw: IncomingMessage): void => {
    const isAllThere = raw.readableEnded || (raw.complete && raw.readableLength === 0);
    if (isAllThere || raw.destroyed || draining.has(raw)) return;
    draining.add(raw);
    raw.unpipe();
    drain(raw);
  };
  app.addHook('onRequest', (request, _reply, done) => {
    const { method, headers } = request;
    // Their answers may pass by the framework, and nobody reads their bodies.
    const bodyless = method === 'GET' || method === 'HEAD';
    const has = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
    if (bodyless && has) drainOnce(request.raw);
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    // The framework closes connections behind bodies that it did not like, and would so take the answer away from who still sends. A
    // server that is stopping means it.
    if (isAccepting() && reply.hasHeader('connection')) reply.removeHeader('connection');
    drainOnce(request.raw);
    done(null, payload);
  });
}

function drain(raw: IncomingMessage): void {
  const { socket } = raw;
  let leftBytes = MAXIMUM_DRAINED_BYTES;
  let timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  const count = (chunk: Buffer): void => {
    leftBytes -= chunk.length;
    if (leftBytes >= 0) return;
    raw.off('data', count);
    raw.pause();
    clearTimeout(timer);
    timer = setTimeout(() => socket.destroy(), LAST_WORD_MS);
    timer.unref();
  };
  raw.on('data', count);
  // A pipe whose end was full has paused it, and taking the pipe away does not undo that.
  raw.resume();
  for (const over of ['end', 'close'] as const) raw.once(over, () => clearTimeout(timer));
}
