import type { Artifortress } from '../client/artifortress.ts';
import { ArtifortressError } from '../client/errors.ts';
import type { CliContext } from './context.ts';
import { formatBytes } from './format.ts';
import type { Output } from './output.ts';
import type { UploadReference } from './references.ts';

/**
 * `artifortress upload abort --dry-run`: what would be dropped. Nothing is changed.
 * @throws ArtifortressError `conflict` where the session is committed.
 */
export async function previewUploadAbort(
  { signal }: CliContext,
  client: Artifortress,
  { repoKey, uploadId }: UploadReference,
  output: Output,
): Promise<void> {
  const { state, reason, expectedDigest, parts } = await client.uploads.get(repoKey, uploadId, { signal });
  if (state === 'committed') {
    const message = `The upload ${uploadId} is committed, and can't be aborted.`;
    throw new ArtifortressError({ code: 'conflict', message, status: 409 });
  }
  const heldBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  output.result({ dryRun: true, repoKey, uploadId, state, reason, expectedDigest, heldBytes }, [
    state === 'aborted'
      ? `The upload ${uploadId} is aborted already (${reason ?? 'no reason given'}): nothing would be changed.`
      : `The upload ${uploadId} of ${expectedDigest} would be aborted, and ${formatBytes(heldBytes)} sent so far dropped.`,
  ]);
}
