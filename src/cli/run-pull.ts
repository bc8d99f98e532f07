import { once } from 'node:events';
import type { Artifortress } from '../client/artifortress.ts';
import { ArtifortressError } from '../client/errors.ts';
import { type CommonOptions, outputOf } from './command.ts';
import { connect } from './connection.ts';
import type { CliContext } from './context.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { openFileTarget, placeOf } from './file-target.ts';
import { formatBytes, formatDuration } from './format.ts';
import { openPartialFile, type PartialFile } from './partial-file.ts';
import { createProgressView, type ProgressView } from './progress-view.ts';
import { type BlobReference, parseBlobReference } from './references.ts';

export interface PullCommandOptions extends CommonOptions {
  readonly output?: string;
  readonly resume: boolean;
  readonly parallel?: number;
}

interface PullRun {
  readonly context: CliContext;
  readonly options: PullCommandOptions;
  readonly client: Artifortress;
  readonly wanted: BlobReference;
  readonly view: ProgressView;
}

interface Pulled {
  readonly lengthBytes: number;
  /** What an earlier pull had brought. */
  readonly heldBytes: number;
  /** Null for standard output. */
  readonly file: string | null;
}

/** `artifortress pull`. */
export async function runPull(context: CliContext, reference: string, options: PullCommandOptions): Promise<void> {
  const { environment } = context;
  const output = outputOf(context, options);
  const wanted = parseBlobReference(reference);
  const client = await connect(context, options, { patient: true });
  const view = createProgressView(environment, output, { files: 1, totalBytes: 0 });
  const startedMs = environment.monotonicMs();
  try {
    const { lengthBytes, heldBytes, file } = await pullTo({ context, options, client, wanted, view });
    view.stop();
    const took = formatDuration(environment.monotonicMs() - startedMs);
    const earlier = heldBytes > 0 ? ` (${formatBytes(heldBytes)} of it earlier)` : '';
    output.note(`Pulled ${formatBytes(lengthBytes)}${earlier} in ${took}${file === null ? '' : `: ${file}`}`);
    // Standard output holds the bytes themselves then, and a word of JSON in them would spoil them.
    if (file !== null) output.result({ ...wanted, lengthBytes, file }, []);
  } finally {
    view.stop();
  }
}

async function pullTo(run: PullRun): Promise<Pulled> {
  const { options, wanted } = run;
  if (options.output === '-') return pullToStdout(run);
  const place = await placeOf(options.output ?? wanted.digest, wanted.digest);
  return place.kind === 'file' ? pullToFile(run, place.file, options.resume) : pullThrough(run, place.file);
}

async function pullToFile(run: PullRun, file: string, resume: boolean): Promise<Pulled> {
  const { client, wanted, view, options, context } = run;
  const partial = await openPartialFile(file, wanted.digest, resume);
  try {
    const { lengthBytes, heldBytes } = await client.pullInto({
      ...wanted,
      target: partial.target,
      parallelRanges: options.parallel,
      signal: context.signal,
      onProgress: view.of(wanted.digest),
    });
    await partial.keep();
    return { lengthBytes, heldBytes, file };
  } catch (error) {
    if (partial.isResumed && error instanceof ArtifortressError && error.code === 'content_mismatch') {
      await partial.discard();
      view.note('What an earlier pull had left was not right: it is fetched anew.');
      return await pullToFile(run, file, false);
    }
    await leaveOrDiscard(run, partial, error);
    throw error;
  }
}

const EXITS_THAT_PASS: ReadonlySet<number> = new Set([
  EXIT.unavailable,
  EXIT.notAllowed,
  EXIT.interrupted,
  EXIT.terminated,
]);

/** What came is left for a later pull where that can be expected to go better. A full disk is not kept full. */
async function leaveOrDiscard({ options, view }: PullRun, partial: PartialFile, error: unknown): Promise<void> {
  if (!options.resume || !partial.holdsPieces() || !EXITS_THAT_PASS.has(exitCodeOf(error))) return partial.discard();
  await partial.leave();
  view.note(`What came is kept in ${partial.file}: the same pull again goes on where it stopped.`);
}

/** To a pipe or a device: in order, and with no way back. */
async function pullThrough({ client, wanted, view, context }: PullRun, file: string): Promise<Pulled> {
  const target = await openFileTarget(file, wanted.digest);
  try {
    const onProgress = view.of(wanted.digest);
    const { body, lengthBytes } = await client.pull({ ...wanted, signal: context.signal, onProgress });
    for await (const chunk of body) await target.write(chunk);
    return { lengthBytes, heldBytes: 0, file };
  } finally {
    await target.keep();
  }
}

async function pullToStdout({ client, wanted, view, context }: PullRun): Promise<Pulled> {
  const { environment, signal } = context;
  const { body, lengthBytes } = await client.pull({ ...wanted, signal, onProgress: view.of(wanted.digest) });
  for await (const chunk of body) {
    if (!environment.stdout.write(chunk)) await once(environment.stdout, 'drain', { signal });
  }
  return { lengthBytes, heldBytes: 0, file: null };
}
