import { once } from 'node:events';
import { Agent, createServer, request as forwardedRequest, type IncomingMessage } from 'node:http';

/** A call as it went through. */
export interface CountedCall {
  readonly method: string;
  readonly url: URL;
  readonly range: string | undefined;
  /** The status of an answer whose body went through whole, by the moment the watcher stopped; else null. */
  readonly answered: number | null;
}

export interface CountingProxy extends AsyncDisposable {
  readonly url: string;
  /**
   * Begins a list of calls of its own. `onWeight` is told how much went through so far: the bytes of bodies, and for every call
   * and every answer as much again as a MiB, so that it also grows where no bytes flow.
   */
  watch(onWeight?: (weight: number) => void): CountedCall[];
}

const CALL_WEIGHT = 1024 ** 2;

/** Passes everything on to `target`, and writes down what. */
export async function startCountingProxy(target: string): Promise<CountingProxy> {
  const { hostname, port: targetPort } = new URL(target);
  const agent = new Agent({ keepAlive: true });
  let calls: CountedCall[] = [];
  let add: (weight: number) => void = () => undefined;

  const server = createServer((request, response) => {
    const call = {
      method: request.method ?? '',
      url: new URL(request.url ?? '', target),
      range: request.headers.range,
    };
    const [ownCalls, ownAdd] = [calls, add];
    const index = ownCalls.push({ ...call, answered: null }) - 1;
    ownAdd(CALL_WEIGHT);
    const path = request.url ?? '';
    const outgoing = forwardedRequest({
      agent,
      hostname,
      port: targetPort,
      method: call.method,
      path,
      headers: request.headers,
    });
    outgoing.on('error', () => response.destroy());
    outgoing.on('response', (answer: IncomingMessage) => {
      answer.on('error', () => response.destroy());
      response.writeHead(answer.statusCode ?? 500, answer.rawHeaders);
      answer.on('data', (chunk: Buffer) => ownAdd(chunk.length));
      answer.on('end', () => {
        ownCalls[index] = { ...call, answered: answer.statusCode ?? null };
        ownAdd(CALL_WEIGHT);
      });
      answer.pipe(response);
    });
    request.on('data', (chunk: Buffer) => ownAdd(chunk.length));
    // Whoever was killed takes the call along: nobody is left to hear the answer.
    response.on('close', () => outgoing.destroy());
    request.pipe(outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();

  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    watch(onWeight) {
      calls = [];
      let weight = 0;
      add = (more) => {
        weight += more;
        onWeight?.(weight);
      };
      return calls;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      agent.destroy();
    },
  };
}
