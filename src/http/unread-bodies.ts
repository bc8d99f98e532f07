import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import type { App } from './app.ts';

/** What is left of a body that nobody wants may go on coming in for this long, and up to this much. */
interface Patience {
  lingerMs: number;
  maximumBytes: number;
}

const WITH_ANYBODY: Patience = { lingerMs: 5_000, maximumBytes: 8 * 1024 ** 2 };
/** Whose token is good may be in the middle of an upload of what is there already; many a client sends all before it reads. */
const WITH_CALLERS: Patience = { lingerMs: 30_000, maximumBytes: 512 * 1024 ** 2 };
/** Who has sent nothing for this long waits for the answer. */
const SILENCE_MS = 200;
/** Then nothing more is read, and the client has this long to read the answer before the connection is cut. */
const LAST_WORD_MS = 1_000;

/**
 * What is left of a body that was given up, or that the request should not have, has to come in, or the next request on this connection
 * never does, and a client that sends before it reads never sees its answer. But not for ever, nor all of it.
 */
export function boundUnreadBodies(app: App, isAccepting: () => boolean): void {
  const draining = new WeakSet<IncomingMessage>();
  const drainOnce = async ({ raw, caller }: FastifyRequest): Promise<void> => {
    const isAllThere = raw.readableEnded || (raw.complete && raw.readableLength === 0);
    if (isAllThere || raw.destroyed || draining.has(raw)) return;
    draining.add(raw);
    raw.unpipe();
    await drain(raw, caller === null ? WITH_ANYBODY : WITH_CALLERS);
  };
  app.addHook('onRequest', (request, _reply, done) => {
    const { method, headers } = request;
    // Their answers may pass by the framework, and nobody reads their bodies.
    const bodyless = method === 'GET' || method === 'HEAD';
    const has = Number(headers['content-length'] ?? 0) > 0 || headers['transfer-encoding'] !== undefined;
    if (bodyless && has) void drainOnce(request);
    done();
  });
  app.addHook('onSend', async (request, reply, payload) => {
    // The framework closes connections behind bodies that it did not like, and would so take the answer away from who still sends. A
    // server that is stopping means it.
    if (isAccepting() && reply.hasHeader('connection')) reply.removeHeader('connection');
    const drained = drainOnce(request);
    // Behind the last answer of a connection Node closes it, whatever still comes in.
    const isLast = !reply.raw.shouldKeepAlive;
    if (isLast && request.caller !== null && !request.awaitsContinue) await drained;
    return payload;
  });
}

/**
 * Reads on and keeps nothing, until all has come or the patience is over: then the connection has a last moment.
 * @returns when nothing more is to be expected, for now or at all.
 */
async function drain(raw: IncomingMessage, { lingerMs, maximumBytes }: Patience): Promise<void> {
  const { socket } = raw;
  await new Promise<void>((resolve) => {
    let leftBytes = maximumBytes;
    let timer: NodeJS.Timeout;
    const silence = setTimeout(resolve, SILENCE_MS).unref();
    const giveUp = (): void => {
      raw.off('data', count);
      raw.pause();
      clearTimeout(timer);
      timer = setTimeout(() => socket.destroy(), LAST_WORD_MS).unref();
      resolve();
    };
    const count = (chunk: Buffer): void => {
      silence.refresh();
      leftBytes -= chunk.length;
      if (leftBytes < 0) giveUp();
    };
    timer = setTimeout(giveUp, lingerMs).unref();
    raw.on('data', count);
    // A pipe whose end was full has paused it, and taking the pipe away does not undo that.
    raw.resume();
    for (const over of ['end', 'close'] as const) {
      raw.once(over, () => {
        clearTimeout(timer);
        clearTimeout(silence);
        resolve();
      });
    }
  });
}
