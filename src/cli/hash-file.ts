import { Worker } from 'node:worker_threads';

/** What the thread is given. */
export interface HashFileWork {
  /** Descriptors are the process's: threads share them. */
  readonly fd: number;
  readonly lengthBytes: number;
}

/** The digest of a file that is still being written, computed in a thread behind the writing. */
export interface FileHash {
  /** Up to here the file is whole. */
  advance(this: void, frontBytes: number): void;
  /** Resolves once it has advanced to the end. */
  digest(this: void): Promise<string>;
  close(this: void): Promise<void>;
}

const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? './hash-file-worker.ts' : './hash-file-worker.js',
  import.meta.url,
);

/** Its owner closes it. The file stays open until then. */
export function followFile(fd: number, lengthBytes: number): FileHash {
  const worker = new Worker(WORKER_URL, { workerData: { fd, lengthBytes } satisfies HashFileWork });
  const digest = new Promise<string>((resolve, reject) => {
    worker.once('message', (hex) => resolve(String(hex)));
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error('The thread that hashes ended before its time.')));
  });
  // Told by whoever awaits it; a pull that fails first awaits it no more.
  digest.catch(() => undefined);
  return {
    advance: (frontBytes) => worker.postMessage(frontBytes),
    digest: () => digest,
    async close() {
      await worker.terminate();
    },
  };
}
