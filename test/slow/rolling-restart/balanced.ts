import type { Reply, RequestOptions, TestServer } from '../../support/test-server.ts';

/** What a proxy or a client sees when a replica is gone or going. */
const ASK_ANOTHER = new Set([502, 503, 504]);

/** Clients that know two replicas, ask them by turns, and ask the other one once where one fails. */
export interface Balanced {
  /** As the server behind the replicas, whose requests go to them. */
  server: TestServer;
  /** How many requests were made, were asked again, and failed twice. */
  readonly counts: { requests: number; retried: number; lost: string[] };
}

/**
 * @param address where the replica of this number is now.
 * @param publicUrl the address that the replicas put in front of their part URLs: whatever is under it goes to the replicas too.
 */
export function balance(witness: TestServer, address: (replica: 0 | 1) => string, publicUrl: string): Balanced {
  const counts: Balanced['counts'] = { requests: 0, retried: 0, lost: [] };
  let turn: 0 | 1 = 0;

  const ask = async (replica: 0 | 1, method: string, path: string, options: RequestOptions) => {
    const target = path.startsWith(publicUrl) ? path.slice(publicUrl.length) : path;
    return await witness.request(method, new URL(target, address(replica)).href, options);
  };

  const request = async (method: string, path: string, options: RequestOptions = {}): Promise<Reply> => {
    counts.requests += 1;
    turn = turn === 0 ? 1 : 0;
    const first = turn;
    const answer = await ask(first, method, path, options).catch((error: unknown) => String(error));
    if (typeof answer !== 'string' && !ASK_ANOTHER.has(answer.status)) return answer;
    counts.retried += 1;
    const other = first === 0 ? 1 : 0;
    const second = await ask(other, method, path, options).catch((error: unknown) => String(error));
    if (typeof second !== 'string' && !ASK_ANOTHER.has(second.status)) return second;
    const why = [answer, second].map((one) =>
      typeof one === 'string' ? one : `${one.status} ${one.bytes.toString()}`,
    );
    counts.lost.push(`${method} ${path.split('?', 1)[0]}: ${why.join(', then ')}`);
    throw new Error(counts.lost.at(-1));
  };

  return { server: { ...witness, request }, counts };
}
