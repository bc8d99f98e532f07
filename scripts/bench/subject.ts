import type { Payload } from '../../src/cli/bench/payloads.ts';
import type { ByteRange } from '../../src/cli/bench/tasks.ts';
import type { Connection } from './http-connection.ts';
import type { Reply, TakeBody } from './http-reply.ts';
import type { ProcessTree } from './process-usage.ts';

/** A server under measure: ours, or one that it is compared with. */
export interface Subject {
  readonly name: string;
  readonly version: string;
  readonly port: number;
  readonly usage: ProcessTree;
  /** Stores a payload in the most direct way; throws unless the server says that it did. */
  put(connection: Connection, payload: Payload): Promise<void>;
  /** Reads a blob, or a range of one; the caller judges the reply. */
  get(connection: Connection, digest: string, take: TakeBody, range?: ByteRange): Promise<Reply>;
}

/** Why a comparison can't be made on this machine, and what to do about it. */
export interface MissingSubject {
  readonly name: string;
  readonly remedy: string;
}

/** A reply with another status than asked for; its code is the status, and the server's own code where its body tells one. */
class UnexpectedReply extends Error {
  readonly code: string;

  constructor({ status, text }: Reply, expected: number, doing: string) {
    super(`${doing} was answered ${status} instead of ${expected}: ${text.slice(0, 500)}`);
    const told = /"error":"(\w+)"/.exec(text)?.[1];
    this.code = told === undefined ? String(status) : `${status} ${told}`;
  }
}

/** Throws, quoting the reply, unless it has the status. */
export function expectStatus(reply: Reply, status: number, doing: string): Reply {
  if (reply.status === status) return reply;
  throw new UnexpectedReply(reply, status, doing);
}

/** Returns the header fields that ask for a range, or for the whole (RFC 9110 §14.2: the last byte is inclusive). */
export function rangeHeaders(range: ByteRange | undefined): Record<string, string> {
  return range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` };
}
