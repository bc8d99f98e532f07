import type { Artifortress } from '../client/artifortress.ts';
import { ArtifortressError } from '../client/errors.ts';
import type { Repository, UploadState } from '../client/types.ts';
import type { CliContext } from './context.ts';
import { requireAdmin } from './dry-run.ts';
import { formatBytes } from './format.ts';
import { LARGEST_PAGE, type Output } from './output.ts';

const LIVE_STATES: readonly UploadState[] = ['initiated', 'parts_uploading', 'pending_commit'];

/**
 * `artifortress repo delete --dry-run`: what would go with the repository. Nothing is changed.
 * @throws ArtifortressError `conflict` where a virtual repository that the caller may read contains it.
 */
export async function previewRepositoryDelete(
  { signal }: CliContext,
  client: Artifortress,
  wantedKey: string,
  output: Output,
): Promise<void> {
  await requireAdmin(client, wantedKey, signal);
  const { repoKey, repoType, blobCount, totalBytes } = await client.repositories.get(wantedKey, { signal });
  const containers = await containersOf(client, repoKey, signal);
  if (containers.length > 0) {
    const message = `"${repoKey}" is a member of ${containers.join(', ')}: delete that first.`;
    throw new ArtifortressError({ code: 'conflict', message, status: 409 });
  }
  const liveUploads = await countLiveUploads(client, repoKey, signal);
  output.result({ dryRun: true, repoKey, repoType, blobCount, totalBytes, liveUploads }, [
    `The ${repoType} repository ${repoKey} would be deleted, with ${contentText({ blobCount, totalBytes })} and ${countText(liveUploads, 'upload')} under way.`,
  ]);
}

async function containersOf(client: Artifortress, repoKey: string, signal: AbortSignal): Promise<string[]> {
  const containers: string[] = [];
  for await (const repository of client.repositories.all({ limit: LARGEST_PAGE, signal })) {
    if (repository.memberRepos?.includes(repoKey) === true) containers.push(repository.repoKey);
  }
  return containers;
}

async function countLiveUploads(client: Artifortress, repoKey: string, signal: AbortSignal): Promise<number> {
  let count = 0;
  for (const state of LIVE_STATES) {
    for await (const _ of client.uploads.all(repoKey, { state, limit: LARGEST_PAGE, signal })) count += 1;
  }
  return count;
}

function contentText({ blobCount, totalBytes }: Pick<Repository, 'blobCount' | 'totalBytes'>): string {
  if (blobCount === null || totalBytes === null) return 'all blobs in it (how many, this server does not tell)';
  return `${countText(blobCount, 'blob')} (${formatBytes(totalBytes)})`;
}

function countText(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
