import { once } from 'node:events';
import type { Command } from 'commander';
import type { PulledBlob } from '../../client/pull.ts';
import { type CommonOptions, clientCommand, outputOf } from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { openFileTarget } from '../file-target.ts';
import { formatBytes, formatDuration } from '../format.ts';
import { createProgressView } from '../progress-view.ts';
import { parseBlobReference } from '../references.ts';

interface PullCommandOptions extends CommonOptions {
  readonly output?: string;
}

/** `artifortress pull`: the file takes its name only once its digest is proved. */
export function pullCommand(context: CliContext): Command {
  return clientCommand('pull', 'Fetch a blob, verified: a file gets its name only once every byte is right.', [
    'artifortress pull libs/9f86d081884c7d65… -o app.tar',
    'artifortress pull libs/9f86d081884c7d65… -o - | tar x',
  ])
    .argument('<blob>', '<repository>/<digest>')
    .option('-o, --output <file>', 'the file or folder, or - for standard output (default: ./<digest>)')
    .addHelpText(
      'after',
      '\nWith -o - bytes flow before the last one is verified: if the exit code is not 0, drop what came.',
    )
    .action((reference: string, options: PullCommandOptions) => runPull(context, reference, options));
}

async function runPull(context: CliContext, reference: string, options: PullCommandOptions): Promise<void> {
  const output = outputOf(context, options);
  const { environment, signal } = context;
  const wanted = parseBlobReference(reference);
  const client = await connect(context, options, { patient: true });
  const view = createProgressView(environment, output, { files: 1, totalBytes: 0 });
  const startedMs = environment.monotonicMs();
  try {
    const blob = await client.pull({ ...wanted, signal, onProgress: view.of(wanted.digest) });
    const file =
      options.output === '-' ? await toStdout(context, blob) : await toFile(blob, options.output ?? wanted.digest);
    view.stop();
    const took = formatDuration(environment.monotonicMs() - startedMs);
    output.note(`Pulled ${formatBytes(blob.lengthBytes)} in ${took}${file === null ? '' : `: ${file}`}`);
    const { repoKey, digest, lengthBytes } = blob;
    // Standard output holds the bytes themselves then, and a word of JSON in them would spoil them.
    if (file !== null) output.result({ repoKey, digest, lengthBytes, file }, []);
  } finally {
    view.stop();
  }
}

async function toFile(blob: PulledBlob, wanted: string): Promise<string> {
  const target = await openFileTarget(wanted, blob.digest).catch(async (error: unknown) => {
    await blob.body.cancel();
    throw error;
  });
  try {
    for await (const chunk of blob.body) await target.write(chunk);
  } catch (error) {
    await target.discard();
    throw error;
  }
  await target.keep();
  return target.file;
}

async function toStdout({ environment, signal }: CliContext, blob: PulledBlob): Promise<null> {
  for await (const chunk of blob.body) {
    if (!environment.stdout.write(chunk)) await once(environment.stdout, 'drain', { signal });
  }
  return null;
}
