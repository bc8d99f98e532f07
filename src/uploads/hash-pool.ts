import { Worker } from 'node:worker_threads';
import type { Digest } from '../objects/digest.ts';
import { StoreError, type StoreErrorKind } from '../objects/errors.ts';
import type { ObjectKey } from '../objects/keys.ts';
import type { StoreLocation } from '../objects/reader.ts';

export interface HashWorkerData {
  location: StoreLocation;
}

export interface HashRequest {
  key: ObjectKey;
  lengthBytes: number;
}

export type HashReply =
  | { kind: 'progress'; hashedBytes: number }
  | { kind: 'done'; digest: Digest }
  | { kind: 'failed'; storeErrorKind: StoreErrorKind | undefined; message: string };

export interface HashPool {
  /**
   * Reads an object whole and hashes it in a worker thread; waits its turn where all are busy.
   * @throws StoreError as the store does, or `unavailable` where the object is shorter than said, the pool closes or the queue is full.
   */
  hash(request: HashRequest, onProgress: (hashedBytes: number) => void): Promise<Digest>;
  /** Objects that are being read. */
  readonly running: number;
  /** Objects that wait for a free thread. */
  readonly waiting: number;
  /** Whether one more would be refused. */
  readonly isFull: boolean;
  /** Since the start of the process. */
  readonly totals: Readonly<{ hashed: number; failed: number; hashedBytes: number }>;
  close(): Promise<void>;
}

export interface HashPoolLimits {
  /** Threads, each started when it is first needed. */
  threads: number;
  /** Objects that wait for a free thread at the most. */
  waiting: number;
}

interface Task {
  request: HashRequest;
  onProgress: (hashedBytes: number) => void;
  resolve: (digest: Digest) => void;
  reject: (error: unknown) => void;
}

const WORKER_URL = new URL(import.meta.url.endsWith('.ts') ? './hash-worker.ts' : './hash-worker.js', import.meta.url);

/** Threads that read and hash what is in the store. */
export function createHashPool(location: StoreLocation, limits: HashPoolLimits): HashPool {
  const idle: Worker[] = [];
  const busy = new Map<Worker, Task>();
  const waiting: Task[] = [];
  const totals = { hashed: 0, failed: 0, hashedBytes: 0 };
  let closed = false;

  const startWorker = (): Worker => {
    const worker = new Worker(WORKER_URL, { workerData: { location } satisfies HashWorkerData });
    worker.on('message', (reply: HashReply) => onReply(worker, reply));
    worker.on('error', (error) => fail(worker, error));
    worker.on('exit', () => fail(worker, new Error('the thread ended')));
    worker.unref();
    return worker;
  };

  const onReply = (worker: Worker, reply: HashReply): void => {
    const task = busy.get(worker);
    if (task === undefined) return;
    if (reply.kind === 'progress') {
      task.onProgress(reply.hashedBytes);
      return;
    }
    busy.delete(worker);
    idle.push(worker);
    if (reply.kind === 'done') {
      totals.hashed += 1;
      totals.hashedBytes += task.request.lengthBytes;
      task.resolve(reply.digest);
    } else {
      totals.failed += 1;
      task.reject(failureOf(reply));
    }
    dispatch();
  };

  const fail = (worker: Worker, cause: unknown): void => {
    const task = busy.get(worker);
    busy.delete(worker);
    const place = idle.indexOf(worker);
    if (place >= 0) idle.splice(place, 1);
    if (task !== undefined) totals.failed += 1;
    task?.reject(new StoreError('unavailable', 'the thread that was hashing the object died', cause));
    dispatch();
  };

  const dispatch = (): void => {
    if (closed) return;
    while (waiting.length > 0 && (idle.length > 0 || busy.size < limits.threads)) {
      const task = waiting.shift();
      if (task === undefined) return;
      const worker = idle.pop() ?? startWorker();
      busy.set(worker, task);
      worker.postMessage(task.request);
    }
  };

  return {
    totals,
    get running() {
      return busy.size;
    },
    get waiting() {
      return waiting.length;
    },
    get isFull() {
      return waiting.length >= limits.waiting;
    },
    hash(request, onProgress) {
      if (closed) return Promise.reject(new StoreError('unavailable', 'the server is stopping'));
      if (waiting.length >= limits.waiting) {
        return Promise.reject(new StoreError('unavailable', 'too many uploads are waiting for their verification'));
      }
      return new Promise<Digest>((resolve, reject) => {
        waiting.push({ request, onProgress, resolve, reject });
        dispatch();
      });
    },
    async close() {
      closed = true;
      for (const task of waiting.splice(0)) task.reject(new StoreError('unavailable', 'the server is stopping'));
      await Promise.all([...idle, ...busy.keys()].map((worker) => worker.terminate()));
    },
  };
}

function failureOf({ storeErrorKind, message }: Extract<HashReply, { kind: 'failed' }>): Error {
  return storeErrorKind === undefined ? new Error(message) : new StoreError(storeErrorKind, message);
}
