import { once } from 'node:events';
import { parentPort, Worker, workerData } from 'node:worker_threads';
import { messageOf } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import { StoreError } from '../objects/errors.ts';
import type { ObjectReader } from '../objects/object-store.ts';
import { openReader } from '../objects/reader.ts';
import { createChunkWriter, createRingMemory } from './chunk-ring.ts';
import type { HashReply, HashRequest, HashWorkerData } from './hash-pool.ts';

const PROGRESS_EVERY_BYTES = 32 * 1024 ** 2;
const DIGEST_WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './digest-worker.ts' : './digest-worker.js',
  import.meta.url,
);

// A worker thread of `hash-pool.ts`: it reads one object after another, off the thread that answers requests. Another one hashes what it
// reads: both at once need two thirds of the time, where the store is as fast as the hash.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `hash-pool.ts` is the only one to start this thread
const { location } = workerData as HashWorkerData;
const reader = openReader(location);
const memory = createRingMemory();
const chunks = createChunkWriter(memory);
// If it dies, so does this thread: nobody listens to its error.
const digests = new Worker(DIGEST_WORKER, { workerData: memory });

async function hash({ key, lengthBytes }: HashRequest): Promise<HashReply> {
  const object = await reader.open(key, { start: 0, end: lengthBytes - 1 });
  let readBytes = 0;
  try {
    readBytes = await readAll(object);
  } finally {
    if (readBytes !== lengthBytes) await chunks.finish('abandoned');
    await object.close();
  }
  if (readBytes !== lengthBytes) {
    // Only a read of all bytes may tell what they are.
    return { kind: 'failed', storeErrorKind: 'unavailable', message: `read ${readBytes} of ${lengthBytes} bytes` };
  }
  const told = once(digests, 'message');
  await chunks.finish('end');
  const [digest]: Digest[] = await told;
  if (digest === undefined) throw new Error('a message has a value');
  return { kind: 'done', digest };
}

/** Hands on every byte of the object. @returns how many they were. */
async function readAll(object: ObjectReader): Promise<number> {
  let readBytes = 0;
  let reportedBytes = 0;
  for (;;) {
    const count = await object.read(await chunks.next());
    if (count === 0) return readBytes;
    chunks.fill(count);
    readBytes += count;
    if (readBytes - reportedBytes >= PROGRESS_EVERY_BYTES) {
      reportedBytes = readBytes;
      reply({ kind: 'progress', hashedBytes: readBytes });
    }
  }
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
