import { ArtifortressError } from './errors.ts';
import type { OnProgress } from './progress.ts';
import type { Transport } from './transport.ts';
import type { CommittedUpload } from './types.ts';
import type { UploadsApi } from './uploads.ts';

/** How long a verification may go on. A day covers tens of TiB; without a bound a broken server would hold us for ever. */
const MAX_VERIFY_MS = 24 * 60 * 60 * 1000;

export interface CommitRequest {
  readonly repoKey: string;
  readonly uploadId: string;
  readonly lengthBytes: number;
  readonly onProgress: OnProgress;
  readonly signal: AbortSignal | undefined;
}

/** Repeats the commit as often as the server says, until the digest is proved or refuted. */
export async function commitUntilDone(
  { runtime }: Transport,
  uploads: UploadsApi,
  { repoKey, uploadId, lengthBytes, onProgress, signal }: CommitRequest,
): Promise<CommittedUpload> {
  const until = runtime.now() + MAX_VERIFY_MS;
  onProgress({ phase: 'verify', doneBytes: 0, totalBytes: lengthBytes });
  for (;;) {
    const answer = await uploads.commit(repoKey, uploadId, { signal });
    if (answer.status === 'committed') return answer;
    onProgress({ phase: 'verify', doneBytes: answer.verifiedBytes ?? 0, totalBytes: lengthBytes });
    if (runtime.now() > until) {
      const message = `The server is still verifying upload ${uploadId} after a day; look at it with its operator.`;
      throw new ArtifortressError({ code: 'timeout', message });
    }
    await runtime.sleep(answer.retryAfterMs, signal);
  }
}
