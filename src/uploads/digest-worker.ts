import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { digestOf } from '../objects/digest.ts';
import { consumeChunks, type RingMemory } from './chunk-ring.ts';

// A worker thread of `hash-worker.ts`: it hashes what that one reads, so that neither waits while the other works. It tells the digest
// of each object that came whole.
let sha256 = createHash('sha256');
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `hash-worker.ts` is the only one to start this thread
consumeChunks(workerData as RingMemory, {
  onChunk: (bytes) => void sha256.update(bytes),
  onFinish(outcome) {
    if (outcome === 'end') parentPort?.postMessage(digestOf(sha256));
    sha256 = createHash('sha256');
  },
});
