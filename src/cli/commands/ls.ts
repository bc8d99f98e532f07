import type { Command } from 'commander';
import { listCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { type BlobListOptions, listBlobs } from './blob.ts';
import { listRepositories } from './repo.ts';

/** `artifortress ls`: `repo list` and `blob list` for short. */
export function lsCommand(context: CliContext): Command {
  return listCommand('ls', 'List the repositories that you may read, or the blobs of one.', [
    'artifortress ls',
    'artifortress ls libs',
    'artifortress ls libs/9f86    # digests that start with this',
  ])
    .argument('[repository]', 'its key; behind a slash the first characters of the digests wanted')
    .action(async (place: string | undefined, options: BlobListOptions) => {
      if (place === undefined) return await listRepositories(context, options);
      const [repoKey = '', prefix] = place.split('/');
      await listBlobs(context, repoKey, prefix ? { ...options, prefix } : options);
    });
}
