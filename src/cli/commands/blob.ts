import type { Command } from 'commander';
import type { BlobRecord } from '../../client/types.ts';
import { previewBlobDelete } from '../blob-delete-preview.ts';
import { type CommonOptions, clientCommand, group, type ListOptions, listCommand, outputOf } from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { type DryRunOptions, withDryRun } from '../dry-run.ts';
import { findBlob } from '../find-blob.ts';
import { formatBytes } from '../format.ts';
import { pairs, printList } from '../output.ts';
import { parseBlobReference } from '../references.ts';

export interface BlobListOptions extends ListOptions {
  readonly prefix?: string;
}

/** `artifortress blob …`. */
export function blobCommand(context: CliContext): Command {
  return group('blob', 'List, look at and delete the blobs of a repository, and get their receipts.', [
    listBlobsCommand(context),
    statCommand(context),
    receiptCommand(context),
    deleteCommand(context),
  ]);
}

function listBlobsCommand(context: CliContext): Command {
  return listCommand('list', 'List the blobs of a repository, newest first.', [
    'artifortress blob list libs',
    'artifortress blob list libs --prefix 9f86',
  ])
    .argument('<repository>', 'its key')
    .option('--prefix <hex>', 'only digests that start with this')
    .action((repoKey: string, options: BlobListOptions) => listBlobs(context, repoKey, options));
}

/** Prints what a repository holds. */
export async function listBlobs(context: CliContext, repoKey: string, options: BlobListOptions): Promise<void> {
  const client = await connect(context, options);
  await printList<BlobRecord>(outputOf(context, options), {
    readPage: (page) => client.blobs.list(repoKey, { ...page, prefix: options.prefix, signal: context.signal }),
    columns: [
      { title: 'DIGEST', text: (blob) => blob.digest },
      { title: 'SIZE', text: (blob) => formatBytes(blob.length), alignRight: true },
      { title: 'CREATED', text: (blob) => blob.createdAtUtc },
      { title: 'BY', text: (blob) => blob.createdBy },
    ],
    empty: `No blob there. Push one with: artifortress push <file> --repo ${repoKey}`,
    options,
  });
}

/** `artifortress blob stat`, and `artifortress stat` for short. */
export function statCommand(context: CliContext, example = 'artifortress blob stat'): Command {
  return clientCommand('stat', 'Show one blob: its size, since when, by whom.', [`${example} libs/9f86d081884c7d65…`])
    .argument('<blob>', '<repository>/<digest>')
    .action(async (reference: string, options: CommonOptions) => {
      const { repoKey, digest } = parseBlobReference(reference);
      const client = await connect(context, options);
      const blob = await findBlob(client, { repoKey, digest }, context.signal);
      outputOf(context, options).result(
        { repoKey, ...blob },
        pairs([
          ['Repository', repoKey],
          ['Digest', blob.digest],
          ['Size', `${formatBytes(blob.length)} (${blob.length} bytes)`],
          ['Created', blob.createdAtUtc],
          ['By', blob.createdBy],
        ]),
      );
    });
}

function receiptCommand(context: CliContext): Command {
  return clientCommand('receipt', 'Print the custody receipt: a signed statement of how the blob came here.', [
    'artifortress blob receipt libs/9f86d081884c7d65… > app.tar.receipt',
    'artifortress verify app.tar --receipt app.tar.receipt',
  ])
    .argument('<blob>', '<repository>/<digest>')
    .action(async (reference: string, options: CommonOptions) => {
      const { repoKey, digest } = parseBlobReference(reference);
      const client = await connect(context, options);
      const receipt = await client.blobs.receipt(repoKey, digest, { signal: context.signal });
      outputOf(context, options).result(receipt, [JSON.stringify(receipt)]);
    });
}

function deleteCommand(context: CliContext): Command {
  const command = clientCommand('delete', 'Drop a blob from a repository; other repositories keep it.', [
    'artifortress blob delete libs/9f86d081884c7d65… --dry-run',
    'artifortress blob delete libs/9f86d081884c7d65…',
  ]).argument('<blob>', '<repository>/<digest>');
  return withDryRun(command, "It can't tell whether another repository keeps the bytes.").action(
    async (reference: string, { dryRun = false, ...options }: DryRunOptions) => {
      const { repoKey, digest } = parseBlobReference(reference);
      const client = await connect(context, options);
      const output = outputOf(context, options);
      if (dryRun) return await previewBlobDelete(context, client, { repoKey, digest }, output);
      await client.blobs.delete(repoKey, digest, { signal: context.signal });
      output.note(`Deleted ${digest} from ${repoKey}.`);
      output.result({ repoKey, digest, status: 'deleted' }, []);
    },
  );
}
