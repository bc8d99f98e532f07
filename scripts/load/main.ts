import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../src/kernel/errors.ts';
import { INTERRUPTED, inTemporaryFolder, type Workplace } from '../bench/temporary-folder.ts';
import { runAll } from './all.ts';
import type { CommandName } from './commands.ts';
import { measureGrowth } from './growth.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { type LoadResult, parseResult } from './results.ts';
import { holdSlowClients } from './slow.ts';
import { soak } from './soak.ts';
import { verdictsOf } from './targets-met.ts';
import { measureThroughput } from './throughput.ts';

const FAILED = 1;
const MISUSED = 2;
type Run = (options: Options, workplace: Workplace) => Promise<LoadResult>;
const RUN: Readonly<Record<Exclude<CommandName, 'all'>, Run>> = {
  throughput: measureThroughput,
  slow: holdSlowClients,
  growth: measureGrowth,
  soak,
};

process.exitCode = await main();

async function main(): Promise<number> {
  let options: Options | null;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`load: ${messageOf(error)}\nSee npm run load -- --help\n`);
    return MISUSED;
  }
  if (options === null) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  try {
    return options.command === 'all' ? await runAll(options) : await runOne(options, RUN[options.command]);
  } catch (error) {
    process.stderr.write(`load: ${messageOf(error)}\n`);
    return FAILED;
  }
}

async function runOne(options: Options, run: Run): Promise<number> {
  const result = await inTemporaryFolder('load', options.dir, (workplace) => run(options, workplace));
  if (result === null) return INTERRUPTED;
  const path = join(options.out, `${nameOf(result)}.json`);
  mkdirSync(options.out, { recursive: true });
  // Held against the schema here, so that a mistake shows at once and not in the report.
  writeFileSync(path, `${JSON.stringify(parseResult(result))}\n`);
  const verdicts = verdictsOf(result);
  for (const { target, measured, met } of verdicts) {
    process.stdout.write(`${met ? 'met   ' : 'MISSED'}  ${target}: ${measured}\n`);
  }
  process.stdout.write(`written to ${path}; the report is made by: npm run load:report\n`);
  // A target that is missed is a finding, and an error of the server a failure.
  return countErrors(result) > 0 ? FAILED : 0;
}

function nameOf(result: LoadResult): string {
  return result.kind === 'throughput' ? `throughput-${result.store}` : result.kind;
}

function countErrors(result: LoadResult): number {
  return errorBooks(result)
    .flatMap((errors) => Object.values(errors))
    .reduce((sum, count) => sum + count, 0);
}

function errorBooks(result: LoadResult): Readonly<Record<string, number>>[] {
  switch (result.kind) {
    case 'throughput':
      return result.points.map(({ figures }) => figures.errors);
    case 'growth':
      return result.databases.flatMap(({ rounds }) => rounds.map(({ errors }) => errors));
    case 'slow':
      return [result.errors];
    case 'soak':
      return [result.figures.errors];
  }
}
