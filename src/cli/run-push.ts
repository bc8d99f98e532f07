import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Artifortress } from '../client/artifortress.ts';
import { ArtifortressError } from '../client/errors.ts';
import { mapInParallel } from '../client/parallel.ts';
import type { PushResult, SessionEvent } from '../client/push-types.ts';
import { type CommonOptions, outputOf } from './command.ts';
import { connect } from './connection.ts';
import type { CliContext } from './context.ts';
import { exitCodeOf } from './exit-codes.ts';
import { explain } from './explain.ts';
import { spoolStdin } from './file-source.ts';
import { formatBytes, formatDuration } from './format.ts';
import { inOrder, type Output } from './output.ts';
import { createProgressView, type ProgressView } from './progress-view.ts';
import { pushFile } from './push-file.ts';
import { expandInputs } from './push-inputs.ts';
import { describeLeft } from './push-messages.ts';
import { previewPush } from './push-preview.ts';
import { openUploadStates, type UploadStates } from './upload-state.ts';

export interface PushCommandOptions extends CommonOptions {
  readonly repo: string;
  readonly resume: boolean;
  readonly dryRun?: boolean;
  readonly parallel?: number;
  readonly partSize?: number;
}

/** Of several files this many are under way at once: the next is hashed while one is sent, and small ones hide each other's waits. */
const FILES_AT_ONCE = 4;
/** Of each of several files; of one alone as many as make it faster. */
const PARTS_OF_EACH_FILE = 4;

/** Failures of one file alone, after which the others can still be pushed. */
const CODES_OF_ONE_FILE: ReadonlySet<string> = new Set([
  'source_changed',
  'upload_verification_failed',
  'payload_too_large',
  'store_refused',
  'conflict',
]);

interface PushRun {
  readonly context: CliContext;
  readonly options: PushCommandOptions;
  readonly client: Artifortress;
  readonly files: readonly string[];
  readonly states: UploadStates;
  readonly view: ProgressView;
  readonly left: SessionEvent[];
}

/** `artifortress push`. */
export async function runPush(
  context: CliContext,
  args: readonly string[],
  options: PushCommandOptions,
): Promise<void> {
  const output = outputOf(context, options);
  const files = await expandInputs(args);
  const client = await connect(context, options, { patient: true });
  if (options.dryRun === true) return await previewPush(context, client, options.repo, files, output);

  let isUnsaved = false;
  const states = openUploadStates(context.environment, (error) => {
    if (!isUnsaved) view.note(`This push cannot be resumed if it is interrupted: ${explain(error)}`);
    isUnsaved = true;
  });
  const view = createProgressView(context.environment, output, {
    files: files.length,
    totalBytes: await totalSize(files),
  });
  const run: PushRun = { context, options, client, files, states, view, left: [] };
  // One argument that is one file: its digest alone. Else lines as those of sha256sum, which can check them.
  const isOne = args.length === 1 && files.length === 1 && files[0] === args[0];
  try {
    await (isOne ? pushOne(run, output) : pushSeveral(run, output));
  } finally {
    view.stop();
    for (const line of describeLeft(run.left, options.repo)) output.note(line);
  }
}

async function pushOne(run: PushRun, output: Output): Promise<void> {
  const [file = '-'] = run.files;
  const result = await pushAndTell(run, file, run.context.signal);
  run.view.stop();
  output.result({ file, ...result }, [result.digest]);
}

async function pushSeveral(run: PushRun, output: Output): Promise<void> {
  const { context, files, view } = run;
  const print = inOrder((index, { value, line }: { readonly value: object; readonly line: string | null }) =>
    output.result({ file: files[index], ...value }, line === null ? [] : [line]),
  );
  const failures: unknown[] = [];
  const numbered = files.map((file, index) => ({ file, index }));
  await mapInParallel(
    numbered,
    () => FILES_AT_ONCE,
    context.signal,
    async ({ file, index }, signal) => {
      try {
        const result = await pushAndTell(run, file, signal);
        print(index, { value: result, line: `${result.digest}  ${file}` });
      } catch (error) {
        if (!isOfOneFile(error)) throw error;
        failures.push(error);
        const message = explain(error);
        view.stopFor(() => output.warn(`artifortress: ${file}: ${message}`));
        const code = error instanceof ArtifortressError ? error.code : 'unreadable';
        print(index, { value: { error: { code, message } }, line: null });
      }
    },
  );
  view.stop();
  const [first] = failures;
  if (first === undefined) return;
  output.warn(`artifortress: ${failures.length} of ${files.length} files were not pushed.`);
  context.exitCode = exitCodeOf(first);
}

/** Not the network, not the token, not the repository: the next file may fare better. */
function isOfOneFile(error: unknown): boolean {
  if (error instanceof ArtifortressError) return CODES_OF_ONE_FILE.has(error.code);
  return error instanceof Error && 'syscall' in error;
}

async function pushAndTell(run: PushRun, file: string, signal: AbortSignal): Promise<PushResult> {
  const { environment } = run.context;
  const startedMs = environment.monotonicMs();
  const result = await (file === '-' ? pushStdin(run, signal) : pushNamed(run, file, signal));
  run.view.finish(file);
  run.view.note(summary(result, file, environment.monotonicMs() - startedMs));
  return result;
}

function pushNamed(
  { context, options, client, states, view, files, left }: PushRun,
  file: string,
  signal: AbortSignal,
) {
  return pushFile({
    client,
    repoKey: options.repo,
    file,
    states,
    resume: options.resume,
    partSizeBytes: options.partSize,
    parallelParts: options.parallel ?? (files.length > 1 ? PARTS_OF_EACH_FILE : undefined),
    nowMs: context.environment.nowMs,
    signal,
    onProgress: view.of(file),
    onLeft: (event) => left.push(event),
  });
}

/** Its bytes are gone with this process, so that nothing is left to be resumed. */
async function pushStdin({ context, options, client, view, left }: PushRun, signal: AbortSignal): Promise<PushResult> {
  const onProgress = view.of('-');
  let doneBytes = 0;
  const source = await spoolStdin(context, (bytes) => {
    doneBytes += bytes;
    onProgress({ phase: 'hash', doneBytes, totalBytes: doneBytes });
  });
  try {
    return await client.push({
      repoKey: options.repo,
      source,
      partSizeBytes: options.partSize,
      parallelParts: options.parallel,
      signal,
      onProgress,
      onSession: (event) => {
        if (event.outcome !== 'opened') left.push(event);
      },
    });
  } finally {
    await source.close();
  }
}

function summary(result: PushResult, file: string, elapsedMs: number): string {
  const what = file === '-' ? 'standard input' : path.basename(file);
  const size = formatBytes(result.lengthBytes);
  const where = `${result.repoKey}/${result.digest}`;
  if (result.deduped) return `${what} (${size}) was already there, no byte sent: ${where}`;
  const earlier = result.resumed ? `, ${formatBytes(result.lengthBytes - result.sentBytes)} of it earlier` : '';
  return `Pushed ${what} (${size}${earlier}) in ${formatDuration(elapsedMs)}: ${where}`;
}

async function totalSize(files: readonly string[]): Promise<number> {
  let totalBytes = 0;
  for (const file of files) totalBytes += file === '-' ? 0 : ((await stat(file).catch(() => null))?.size ?? 0);
  return totalBytes;
}
