import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../kernel/errors.ts';
import { digestOf } from '../objects/digest.ts';
import { StoreError } from '../objects/errors.ts';
import { openReader } from '../objects/reader.ts';
import type { HashReply, HashRequest, HashWorkerData } from './hash-pool.ts';

/** Enough to keep the disk and SHA-256 busy at the same time, little enough that several workers stay small. */
const CHUNK_BYTES = 1024 ** 2;
const PROGRESS_EVERY_BYTES = 32 * 1024 ** 2;

// A worker thread of `hash-pool.ts`: it reads one object after another and hashes it, off the thread that answers requests.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `hash-pool.ts` is the only one to start this thread
const { location } = workerData as HashWorkerData;
const reader = openReader(location);

async function hash({ key, lengthBytes }: HashRequest): Promise<HashReply> {
  const body = await reader.read(key, { range: { start: 0, end: lengthBytes - 1 }, chunkBytes: CHUNK_BYTES });
  const sha256 = createHash('sha256');
  let hashedBytes = 0;
  let reportedBytes = 0;
  for await (const chunk of Buffer.isBuffer(body) ? [body] : (body as AsyncIterable<Buffer>)) {
    sha256.update(chunk);
    hashedBytes += chunk.length;
    if (hashedBytes - reportedBytes < PROGRESS_EVERY_BYTES) continue;
    reportedBytes = hashedBytes;
    reply({ kind: 'progress', hashedBytes });
  }
  if (hashedBytes !== lengthBytes) {
    // Only a read of all bytes may tell what they are.
    return { kind: 'failed', storeErrorKind: 'unavailable', message: `read ${hashedBytes} of ${lengthBytes} bytes` };
  }
  return { kind: 'done', digest: digestOf(sha256) };
}

function reply(message: HashReply): void {
  parentPort?.postMessage(message);
}

parentPort?.on('message', (request: HashRequest) => {
  hash(request).then(reply, (error: unknown) => {
    const storeErrorKind = error instanceof StoreError ? error.kind : undefined;
    reply({ kind: 'failed', storeErrorKind, message: messageOf(error) });
  });
});
