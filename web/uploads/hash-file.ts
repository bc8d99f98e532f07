import { ArtifortressError } from '../../src/client/index.ts';
import { reasonOf } from '../../src/client/runtime.ts';
import type { HashMessage } from './hash-worker.ts';

/** The SHA-256 of a file, made in a worker, so that the page stays responsive. The file is read piece by piece. */
export function hashFile(
  startWorker: () => Worker,
  file: File,
  onProgress: (doneBytes: number) => void,
  signal: AbortSignal,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const worker = startWorker();
    const finish = (act: () => void): void => {
      worker.terminate();
      signal.removeEventListener('abort', stop);
      act();
    };
    const fail = (why: string): void => {
      const message = `"${file.name}" can't be read: ${why}`;
      finish(() => reject(new ArtifortressError({ code: 'source_changed', message })));
    };
    const stop = (): void => finish(() => reject(reasonOf(signal)));
    worker.addEventListener('message', ({ data }: MessageEvent<HashMessage>) => {
      if (data.kind === 'progress') onProgress(data.doneBytes);
      else if (data.kind === 'digest') finish(() => resolve(data.digest));
      else fail(data.message);
    });
    worker.addEventListener('error', (event) => fail(event.message));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    worker.postMessage(file);
  });
}
