import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as forwardedRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a store does wrong. Where it `acts`, the call has its effect all the same. */
export type Fault =
  /** Takes the call, and neither acts nor answers before it is mended. Then it acts, whether or not the caller still waits. */
  | { kind: 'pause' }
  /** Takes the head of a call, and no byte of its body before it is mended. */
  | { kind: 'deaf' }
  /** Resets the connection instead of an answer. */
  | { kind: 'reset'; acts: boolean }
  /** Answers an error of S3; `early` before it has read the body. */
  | { kind: 'answer'; status: number; code: string; acts: boolean; early?: boolean }
  /** Each answer comes late, and its body in drops. */
  | { kind: 'slow'; delayMs: number; dropBytes: number; dropEveryMs: number }
  /** Keeps headers of the answer to itself. */
  | { kind: 'strip'; headers: readonly string[] }
  /** Sends this much of an answer's body; then resets the connection, or goes silent, or calls that all. */
  | { kind: 'cut'; afterBytes: number; by: 'reset' | 'silence' | 'shorter length' };

/** A call to the store, as a fault is chosen by. */
export interface StoreCall {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
}

export type CallFilter = (call: StoreCall) => boolean;

/** Stands between a server and its store, on loopback. */
export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  /** From now on calls like these fail like this. Of several faults the one injected last wins. @returns the calls that it hit. */
  inject(fault: Fault, which?: CallFilter): StoreCall[];
  /** Takes no connection any more, and cuts those that are open. */
  refuse(): Promise<void>;
  /** Ends every fault. Calls that were held are passed on now. */
  mend(): Promise<void>;
}

/** Another process may have been given the port meanwhile, for an outgoing connection: those are short. */
const LISTEN_AGAIN_LIMIT_MS = 20_000;
const LISTEN_AGAIN_EVERY_MS = 100;

const DROP_BYTES = 16 * 1024;
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'expect', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** A proxy in front of the store at `target`. Heads go through as they are, so that what is signed for the proxy's address holds. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true });
  let faults: { fault: Fault; hits: CallFilter }[] = [];
  let mended = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const call = callOf(request);
    const fault = faults.find(({ hits }) => hits(call))?.fault;
    serve({
      request,
      response,
      forward: (body) => forward(target, agent, request, body),
      fault,
      mended: mended.promise,
    })
      // The caller gave up, or the store did: either way the connection tells.
      .catch(() => response.destroy());
  });
  await listen(server, 0);
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    url: `http://127.0.0.1:${port}`,
    inject(fault, which = () => true) {
      const calls: StoreCall[] = [];
      const hits: CallFilter = (call) => which(call) && calls.push(call) > 0;
      faults = [{ fault, hits }, ...faults];
      return calls;
    },
    async refuse() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
    async mend() {
      faults = [];
      mended.resolve();
      mended = Promise.withResolvers();
      if (!server.listening) await listen(server, port);
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += LISTEN_AGAIN_EVERY_MS) {
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return;
    } catch (error) {
      if (waitedMs >= LISTEN_AGAIN_LIMIT_MS) throw error;
      await sleep(LISTEN_AGAIN_EVERY_MS);
    }
  }
}

function callOf({ method = '', url = '', headers }: IncomingMessage): StoreCall {
  const { pathname, searchParams } = new URL(url, 'http://store');
  return { method, path: pathname, query: searchParams, headers };
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  /** Passes the call on, with this body or with the request's own. */
  forward: (body?: Buffer) => Promise<IncomingMessage>;
  fault: Fault | undefined;
  /** Resolves when the faults of this moment are over. */
  mended: Promise<void>;
}

async function serve(exchange: Exchange): Promise<void> {
  const { request, response, forward, fault } = exchange;
  switch (fault?.kind) {
    case undefined:
      return await pass(response, await forward());
    case 'pause': {
      // Taken whole, as by the kernel of a machine whose processes stand still: the caller may hang up, the call is there.
      const body = await buffer(request);
      await exchange.mended;
      return await pass(response, await forward(body));
    }
    case 'deaf':
      await exchange.mended;
      return await pass(response, await forward());
    case 'reset':
      if (fault.acts) await buffer(await forward());
      request.socket.resetAndDestroy();
      return;
    case 'answer':
      if (fault.early !== true) await buffer(fault.acts ? await forward() : request);
      return sendError(request, response, fault);
    case 'slow': {
      const answer = await forward();
      await sleep(fault.delayMs);
      response.writeHead(answer.statusCode ?? 500, headersOf(answer));
      for await (const drop of drops(answer, fault.dropBytes)) {
        response.write(drop);
        await sleep(fault.dropEveryMs);
      }
      response.end();
      return;
    }
    case 'strip':
      return await pass(response, await forward(), fault.headers);
    case 'cut':
      return await sendSome(exchange, await forward(), fault);
  }
}

/** Heads as they came, save for what is between two neighbours only (RFC 9110 §7.6.1). */
function headersOf(message: IncomingMessage): string[] {
  const raw = message.rawHeaders;
  return raw.filter((_, index) => !HOP_BY_HOP.has((raw[index - (index % 2)] ?? '').toLowerCase()));
}

function withLength(headers: string[], length: number): string[] {
  return headers.map((value, index) =>
    index % 2 === 1 && headers[index - 1]?.toLowerCase() === 'content-length' ? String(length) : value,
  );
}

async function forward(
  target: string,
  agent: Agent,
  request: IncomingMessage,
  body?: Buffer,
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(target);
  const options = { agent, hostname, port, method: request.method, path: request.url, headers: headersOf(request) };
  const outgoing = forwardedRequest(options);
  outgoing.on('error', () => undefined);
  const answered = once(outgoing, 'response');
  if (body === undefined) {
    request.once('close', () => {
      if (!request.complete) outgoing.destroy();
    });
    request.pipe(outgoing);
  } else {
    outgoing.end(body);
  }
  const [answer]: IncomingMessage[] = await answered;
  if (answer === undefined) throw new Error('the store gave no answer');
  // Told by what is read of it.
  answer.on('error', () => undefined);
  return answer;
}

async function pass(response: ServerResponse, answer: IncomingMessage, without: readonly string[] = []): Promise<void> {
  response.sendDate = false;
  const headers = headersOf(answer);
  const kept = headers.filter((_, index) => !without.includes((headers[index - (index % 2)] ?? '').toLowerCase()));
  response.writeHead(answer.statusCode ?? 500, kept);
  await pipeline(answer, response);
}

async function sendSome(
  { request, response, mended }: Exchange,
  answer: IncomingMessage,
  { afterBytes, by }: Extract<Fault, { kind: 'cut' }>,
): Promise<void> {
  const count = Math.min(afterBytes, Number(answer.headers['content-length'] ?? 0));
  const headers = headersOf(answer);
  response.writeHead(answer.statusCode ?? 500, by === 'shorter length' ? withLength(headers, count) : headers);
  response.flushHeaders();
  let left = count;
  for await (const drop of drops(answer, DROP_BYTES)) {
    if (left === 0) break;
    const some = drop.subarray(0, left);
    left -= some.length;
    await new Promise((resolve) => {
      response.write(some, resolve);
    });
  }
  if (by === 'silence') await mended;
  if (by === 'shorter length') response.end();
  else request.socket.resetAndDestroy();
}

async function* drops(answer: AsyncIterable<Buffer>, dropBytes: number): AsyncGenerator<Buffer> {
  for await (const chunk of answer) {
    for (let at = 0; at < chunk.length; at += dropBytes) yield chunk.subarray(at, at + dropBytes);
  }
}

function sendError(
  { method }: IncomingMessage,
  response: ServerResponse,
  { status, code }: { status: number; code: string },
): void {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>injected</Message></Error>`;
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
  response.end(method === 'HEAD' ? undefined : body);
}
