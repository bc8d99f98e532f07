import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../kernel/errors.ts';
import { digestOf } from '../objects/digest.ts';
import { StoreError } from '../objects/errors.ts';
import { openReader } from '../objects/reader.ts';
import type { HashReply, HashRequest, HashWorkerData } from './hash-pool.ts';

/** Large enough that calls don't count, small enough for the processor's cache. */
const CHUNK_BYTES = 512 * 1024;
const PROGRESS_EVERY_BYTES = 32 * 1024 ** 2;

// A worker thread of `hash-pool.ts`: it reads one object after another and hashes it, off the thread that answers requests.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `hash-pool.ts` is the only one to start this thread
const { location } = workerData as HashWorkerData;
const reader = openReader(location);

/** One is being filled while the other one is hashed. */
const buffers = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)] as const;

async function hash({ key, lengthBytes }: HashRequest): Promise<HashReply> {
  const object = await reader.open(key, { start: 0, end: lengthBytes - 1 });
  const sha256 = createHash('sha256');
  let hashedBytes = 0;
  let reportedBytes = 0;
  try {
    let [filling, filled] = buffers;
    let count = await object.read(filled);
    while (count > 0) {
      const next = object.read(filling);
      sha256.update(filled.subarray(0, count));
      hashedBytes += count;
      if (hashedBytes - reportedBytes >= PROGRESS_EVERY_BYTES) {
        reportedBytes = hashedBytes;
        reply({ kind: 'progress', hashedBytes });
      }
      count = await next;
      [filling, filled] = [filled, filling];
    }
  } finally {
    await object.close();
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
