import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonOf } from './json.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { printReport } from './print.ts';
import type { Report } from './report.ts';
import { run } from './run.ts';

const FAILED = 1;
const MISUSED = 2;
/** What a shell reports for a program ended by SIGINT. */
const INTERRUPTED = 130;

process.exitCode = await main();

async function main(): Promise<number> {
  let options: Options | null;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\nSee npm run bench -- --help\n`);
    return MISUSED;
  }
  if (options === null) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  try {
    const report = await runInTemporaryFolder(options);
    if (report === null) return INTERRUPTED;
    process.stdout.write(printReport(report));
    if (options.jsonPath !== null) writeFileSync(options.jsonPath, `${JSON.stringify(jsonOf(report), null, 2)}\n`);
    return report.results.failures.length > 0 ? FAILED : 0;
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\n`);
    return FAILED;
  }
}

/**
 * Returns null when interrupted. Whatever happens, the servers are ended before the folder under them is removed; a
 * second Ctrl-C changes nothing, since the first is bounded in time.
 */
async function runInTemporaryFolder(options: Options): Promise<Report | null> {
  await using stack = new AsyncDisposableStack();
  const root = mkdtempSync(join(options.dir, 'artifortress-bench-'));
  stack.defer(() => rmSync(root, { recursive: true, force: true }));
  const interrupt = () => {
    if (stack.disposed) return;
    process.stderr.write('bench: interrupted, cleaning up\n');
    stack.disposeAsync().then(
      () => process.exit(INTERRUPTED),
      () => process.exit(INTERRUPTED),
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  // Servers that end under a running window fail it, which is no news to somebody who interrupted.
  const progress = (line: string) => {
    if (!stack.disposed) process.stderr.write(`${line}\n`);
  };
  try {
    const report = await run(options, root, stack, progress);
    return stack.disposed ? null : report;
  } catch (error) {
    if (stack.disposed) return null;
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
