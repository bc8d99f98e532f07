import { type Command, Option } from 'commander';
import { UPLOAD_STATES, type UploadDetails, type UploadState, type UploadSummary } from '../../client/types.ts';
import { type CommonOptions, clientCommand, group, type ListOptions, listCommand, outputOf } from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { type DryRunOptions, withDryRun } from '../dry-run.ts';
import { formatBytes } from '../format.ts';
import { pairs, printList } from '../output.ts';
import { parseUploadReference } from '../references.ts';
import { previewUploadAbort } from '../upload-abort-preview.ts';

interface UploadListOptions extends ListOptions {
  readonly state?: UploadState;
}

interface AbortOptions extends DryRunOptions {
  readonly reason?: string;
}

/** `artifortress upload …`. */
export function uploadCommand(context: CliContext): Command {
  return group('upload', 'Look at upload sessions, and abort them.', [
    listUploadsCommand(context),
    showCommand(context),
    abortCommand(context),
  ]);
}

function listUploadsCommand(context: CliContext): Command {
  return listCommand('list', 'List the upload sessions of a repository, newest first.', [
    'artifortress upload list libs',
    'artifortress upload list libs --state parts_uploading',
  ])
    .argument('<repository>', 'its key')
    .addOption(new Option('--state <state>', 'only those in this state').choices(UPLOAD_STATES))
    .action(async (repoKey: string, options: UploadListOptions) => {
      const client = await connect(context, options);
      await printList<UploadSummary>(outputOf(context, options), {
        readPage: (page) => client.uploads.list(repoKey, { ...page, state: options.state, signal: context.signal }),
        columns: [
          { title: 'UPLOAD', text: (upload) => upload.uploadId },
          { title: 'STATE', text: stateText },
          { title: 'SIZE', text: (upload) => formatBytes(upload.expectedLength), alignRight: true },
          { title: 'DIGEST', text: (upload) => upload.expectedDigest },
          { title: 'CREATED', text: (upload) => upload.createdAtUtc ?? '-' },
        ],
        empty: 'No such upload.',
        options,
      });
    });
}

function stateText(upload: UploadSummary): string {
  return upload.reason === null ? upload.state : `${upload.state} (${upload.reason})`;
}

function showCommand(context: CliContext): Command {
  return clientCommand('show', 'Show one upload session, and the parts that the store holds.', [
    'artifortress upload show libs/01890a5d-ac96-774b-bcce-b302099a8057',
  ])
    .argument('<upload>', '<repository>/<upload id>')
    .action(async (reference: string, options: CommonOptions) => {
      const { repoKey, uploadId } = parseUploadReference(reference);
      const client = await connect(context, options);
      const upload = await client.uploads.get(repoKey, uploadId, { signal: context.signal });
      outputOf(context, options).result(upload, describe(upload));
    });
}

function describe(upload: UploadDetails): string[] {
  const heldBytes = upload.parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  return pairs([
    ['Upload', upload.uploadId],
    ['Repository', upload.repoKey],
    ['State', stateText(upload)],
    ['Digest', upload.expectedDigest],
    ['Size', formatBytes(upload.expectedLength)],
    ['Parts held', `${upload.parts.length} (${formatBytes(heldBytes)})`],
    ['Created', upload.createdAtUtc],
    ['By', upload.createdBy],
    upload.endedAtUtc === null ? ['Expires', upload.expiresAtUtc] : ['Ended', upload.endedAtUtc],
  ]);
}

function abortCommand(context: CliContext): Command {
  const command = clientCommand('abort', 'Abort an upload session: the server drops what was sent.', [
    'artifortress upload abort libs/01890a5d-ac96-774b-bcce-b302099a8057 --dry-run',
    'artifortress upload abort libs/01890a5d-ac96-774b-bcce-b302099a8057',
  ])
    .argument('<upload>', '<repository>/<upload id>')
    .option('--reason <text>', 'why, for the audit trail');
  return withDryRun(command, "It can't tell that the server would call the reason malformed.").action(
    async (reference: string, { reason, dryRun = false, ...options }: AbortOptions) => {
      const { repoKey, uploadId } = parseUploadReference(reference);
      const client = await connect(context, options);
      const output = outputOf(context, options);
      if (dryRun) return await previewUploadAbort(context, client, { repoKey, uploadId }, output);
      const extra = reason === undefined ? {} : { reason };
      const aborted = await client.uploads.abort(repoKey, uploadId, { ...extra, signal: context.signal });
      output.note(`Upload ${aborted.uploadId} is aborted (${aborted.reason ?? 'no reason given'}).`);
      output.result(aborted, []);
    },
  );
}
