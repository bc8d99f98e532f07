import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../../src/kernel/errors.ts';
import { DemoFailure } from './failure.ts';
import { given, startOwn } from './installation.ts';
import { createJsonReport } from './json-report.ts';
import { createMasks } from './masks.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { createStage } from './stage.ts';
import { play } from './story/play.ts';
import { createTerminal } from './terminal.ts';

const DIFFERED = 1;
const MISUSED = 2;
/** What a shell reports for a program ended by SIGINT. */
const INTERRUPTED = 130;

process.exitCode = await main();

async function main(): Promise<number> {
  let options: Options | null;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`demo: ${messageOf(error)}\nSee npm run demo -- --help\n`);
    return MISUSED;
  }
  if (options === null) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  try {
    return await run(options);
  } catch (error) {
    if (!(error instanceof DemoFailure)) throw error;
    process.stderr.write(`demo: ${error.message}\n`);
    return DIFFERED;
  }
}

/** Whatever happens, also on Ctrl-C: the server is ended before the folder under it is removed. */
async function run(options: Options): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'artifortress-demo-'));
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interruption.abort());
  // Whoever read it went away, as with `| head`: what was made is removed all the same.
  process.stdout.on('error', () => interruption.abort());

  const masks = createMasks();
  const narrator = options.json
    ? createJsonReport(process.stdout, masks)
    : createTerminal(process.stdout, masks, { pause: options.pause, interruption });
  const installation = options.against === undefined ? await startOwn(folder) : given(options.against);
  stack.defer(() => installation.stop());
  for (const secret of [installation.bootstrapToken, installation.adminToken]) {
    if (secret !== undefined) masks.add(secret);
  }
  const stage = createStage(
    { installation, masks, folder, waitSeconds: options.waitSeconds, signal: interruption.signal },
    narrator,
  );
  let failure: string | undefined;
  try {
    await play(stage);
  } catch (error) {
    if (!isInterruption(error)) failure = messageOf(error);
  }
  if (interruption.signal.aborted) {
    if (failure !== undefined) process.stderr.write(`demo: ${failure}\n`);
    return INTERRUPTED;
  }
  const summary = stage.summary(failure);
  narrator.finish(summary);
  return summary.failed.length > 0 || failure !== undefined ? DIFFERED : 0;
}

function isInterruption(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
