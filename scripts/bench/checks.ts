import { createHash } from 'node:crypto';
import type { Payload } from '../../src/cli/bench/payloads.ts';
import { digestOf } from '../../src/cli/bench/payloads.ts';
import type { ByteRange } from '../../src/cli/bench/tasks.ts';
import { messageOf } from '../../src/kernel/errors.ts';
import { Connection } from './http-connection.ts';
import { headerOf } from './http-reply.ts';
import { expectStatus, type Subject } from './subject.ts';

/** Reads a blob back and throws unless its bytes have its digest. */
export async function checkBlob(subject: Subject, digest: string): Promise<void> {
  await withConnection(subject, async (connection) => {
    const sha256 = createHash('sha256');
    const reply = await subject.get(connection, digest, (chunk) => sha256.update(chunk));
    expectStatus(reply, 200, `reading back ${digest}`);
    if (sha256.digest('hex') !== digest) throw new Error(`${subject.name} gave back other bytes for ${digest}`);
  });
}

/** Reads ranges of a blob and throws unless they are the payload's bytes, and are said to be. */
export async function checkRanges(subject: Subject, payload: Payload, ranges: readonly ByteRange[]): Promise<void> {
  await withConnection(subject, async (connection) => {
    for (const range of ranges) {
      const { start, end } = range;
      const sha256 = createHash('sha256');
      const reply = await subject.get(connection, payload.digest, (chunk) => sha256.update(chunk), range);
      expectStatus(reply, 206, `reading bytes ${start} to ${end}`);
      const told = headerOf(reply.head, 'content-range');
      if (told !== `bytes ${start}-${end - 1}/${payload.lengthBytes}`)
        throw new Error(`a wrong Content-Range: ${told}`);
      if (sha256.digest('hex') !== digestOf(payload.body(start, end))) {
        throw new Error(`${subject.name} gave other bytes for ${start} to ${end}`);
      }
    }
  });
}

/** Runs something on a connection of its own; an error names the server. */
export async function withConnection<T>(subject: Subject, use: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = new Connection(subject.port);
  try {
    return await use(connection);
  } catch (error) {
    throw new Error(`${subject.name}: ${messageOf(error)}`, { cause: error });
  } finally {
    connection.close();
  }
}
