import path from 'node:path';
import type { Command } from 'commander';
import type { PushResult, SessionEvent } from '../../client/push-types.ts';
import { type CommonOptions, clientCommand, outputOf } from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { openFileSource, spoolStdin } from '../file-source.ts';
import { formatBytes, formatDuration } from '../format.ts';
import { createProgressView, type ProgressView } from '../progress-bar.ts';

interface PushCommandOptions extends CommonOptions {
  readonly repo: string;
}

/** `artifortress push`: prints the digest alone on standard output, and the rest beside it. */
export function pushCommand(context: CliContext): Command {
  return clientCommand('push', 'Send a file into a repository, and print its digest.', [
    'artifortress push app.tar --repo libs',
    'tar c src | artifortress push - --repo libs',
    'DIGEST=$(artifortress push app.tar --repo libs --quiet)',
  ])
    .argument('<file>', 'the file, or - for standard input')
    .requiredOption('-r, --repo <repository>', 'where it goes')
    .addHelpText('after', '\nCtrl-C aborts the upload: the server drops what was sent, and nothing is stored.')
    .action((file: string, options: PushCommandOptions) => runPush(context, file, options));
}

async function runPush(context: CliContext, file: string, options: PushCommandOptions): Promise<void> {
  const output = outputOf(context, options);
  const { environment, signal } = context;
  const client = await connect(context, options, { patient: true });
  const view = createProgressView(environment, output);
  const startedMs = environment.monotonicMs();
  const source = file === '-' ? await spoolWithProgress(context, view) : await openFileSource(file);
  let session: SessionEvent | null = null;
  try {
    const result = await client.push({
      repoKey: options.repo,
      source,
      signal,
      onProgress: view.onProgress,
      onSession: (event) => {
        session = event;
      },
    });
    view.stop();
    output.note(summary(result, file, environment.monotonicMs() - startedMs));
    output.result(result, [result.digest]);
  } catch (error) {
    view.stop();
    if (session !== null) output.note(describeEnd(session, options.repo));
    throw error;
  } finally {
    await source.close();
  }
}

function spoolWithProgress(context: CliContext, view: ProgressView) {
  let doneBytes = 0;
  return spoolStdin(context, (bytes) => {
    doneBytes += bytes;
    view.onProgress({ phase: 'hash', doneBytes, totalBytes: doneBytes });
  });
}

function summary(result: PushResult, file: string, elapsedMs: number): string {
  const what = file === '-' ? 'standard input' : path.basename(file);
  const size = formatBytes(result.lengthBytes);
  const where = `${result.repoKey}/${result.digest}`;
  if (result.deduped) return `${what} (${size}) was already there, no byte sent: ${where}`;
  return `Pushed ${what} (${size}) in ${formatDuration(elapsedMs)}: ${where}`;
}

/** What became of an upload that did not end in a commit. */
function describeEnd(session: SessionEvent, repoKey: string): string {
  if (session.outcome === 'aborted') return `Upload ${session.uploadId} was aborted; nothing was stored.`;
  const until = session.expiresAtUtc === null ? 'when its time is up' : `at ${session.expiresAtUtc}`;
  return `Upload ${session.uploadId} may still be open; the server ends it ${until}, or now with: artifortress upload abort ${repoKey}/${session.uploadId}`;
}
