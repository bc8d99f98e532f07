import { writeFileSync } from 'node:fs';
import { messageOf } from '../../src/kernel/errors.ts';
import { jsonOf } from './json.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { printReport } from './print.ts';
import type { Report } from './report.ts';
import { run } from './run.ts';
import { INTERRUPTED, inTemporaryFolder } from './temporary-folder.ts';

const FAILED = 1;
const MISUSED = 2;

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
    const report = await runInFolder(options);
    if (report === null) return INTERRUPTED;
    process.stdout.write(printReport(report));
    if (options.jsonPath !== null) writeFileSync(options.jsonPath, `${JSON.stringify(jsonOf(report), null, 2)}\n`);
    return report.results.failures.length > 0 ? FAILED : 0;
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\n`);
    return FAILED;
  }
}

async function runInFolder(options: Options): Promise<Report | null> {
  return await inTemporaryFolder('bench', options.dir, ({ root, stack, progress }) =>
    run(options, root, stack, progress),
  );
}
