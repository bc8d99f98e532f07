import { isRepeatable, type RetryPolicy, retryDelayMs } from '../../src/client/retry.ts';
import { platformRuntime } from '../../src/client/runtime.ts';
import type { SavedUpload } from './saved-uploads.ts';
import { type Transfer, type TransferPhase, type TransferResult, transfer } from './transfer.ts';

/** Beside the tries of each request, which last for some seconds: a server that is being replaced, or a laptop between networks. */
const PATIENCE: RetryPolicy = {
  maxAttempts: 5,
  baseDelayMs: 2_000,
  maxDelayMs: 30_000,
  maxRetryAfterMs: 60_000,
};

/**
 * Takes a file to the server, through outages: each attempt goes on from what the server holds. It gives up after so many attempts in
 * which nothing more has arrived. `latest` answers what is known of the upload by now.
 */
export async function transferPatiently(
  work: Omit<Transfer, 'upload'>,
  latest: () => SavedUpload,
): Promise<TransferResult> {
  const runtime = platformRuntime({});
  let heldBytes = 0;
  for (let attempt = 1; ; attempt += 1) {
    let isResuming = true;
    const onProgress = (phase: TransferPhase, doneBytes: number): void => {
      // The first thing that is told of the sending is how much the server has already.
      if (phase === 'sending' && isResuming) {
        isResuming = false;
        if (doneBytes > heldBytes) attempt = 1;
        heldBytes = Math.max(heldBytes, doneBytes);
      }
      work.onProgress(phase, doneBytes);
    };
    try {
      return await transfer({ ...work, upload: latest(), onProgress });
    } catch (error) {
      if (!isRepeatable(error, 'always')) throw error;
      const delayMs = retryDelayMs(attempt, error.retryAfterMs, PATIENCE, runtime.random);
      if (delayMs === null) throw error;
      work.onTrouble(error);
      await runtime.sleep(delayMs, work.signal);
    }
  }
}
