import type { Artifortress } from '../client/artifortress.ts';
import type { CliContext } from './context.ts';
import { requireAdmin } from './dry-run.ts';
import { findBlob } from './find-blob.ts';
import { formatBytes } from './format.ts';
import type { Output } from './output.ts';
import type { BlobReference } from './references.ts';

/** `artifortress blob delete --dry-run`: what would be dropped. Nothing is changed. */
export async function previewBlobDelete(
  { signal }: CliContext,
  client: Artifortress,
  reference: BlobReference,
  output: Output,
): Promise<void> {
  const { repoKey, digest } = reference;
  await requireAdmin(client, repoKey, signal);
  const { length } = await findBlob(client, reference, signal);
  output.result({ dryRun: true, repoKey, digest, length }, [
    `${digest} (${formatBytes(length)}) would be dropped from ${repoKey}.`,
  ]);
}
