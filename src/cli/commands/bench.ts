import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseMix, parseSizes } from '../bench/parse-plan.ts';
import { OPERATIONS } from '../bench/tasks.ts';
import { type CommonOptions, clientCommand } from '../command.ts';
import type { CliContext } from '../context.ts';
import { type BenchOptions, runBench } from '../run-bench.ts';

/** `artifortress bench`: loads a server, wherever it is, and prints what it gave. */
export function benchCommand(context: CliContext): Command {
  return clientCommand('bench', 'Load a server with uploads and downloads, and print rates and latencies.', [
    'artifortress bench --repo scratch',
    'artifortress bench --repo scratch --mix download --sizes 8m --concurrency 16 --seconds 60',
    'artifortress bench --repo scratch --mix session=1,download=4 --rate 50 --json',
  ])
    .requiredOption('-r, --repo <repository>', 'where it reads and writes; best one that is deleted afterwards')
    .addOption(
      listOption(
        '--mix <list>',
        `operations with weights: ${OPERATIONS.join(', ')}`,
        parseMix,
        'session=1,dedupe=1,download=4,range=2',
      ),
    )
    .addOption(listOption('--sizes <list>', 'sizes with weights', parseSizes, '256k'))
    .option('--concurrency <n>', 'operations under way at the same time, at most', wholeNumber(1, 10_000), 4)
    .option('--seconds <n>', 'length of the window', wholeNumber(1, 86_400), 10)
    .option('--warm-up <seconds>', 'what goes before it and is not counted', wholeNumber(0, 3600), 2)
    .option(
      '--rate <n>',
      'operations to begin a second, whatever the server does; latency then counts from when each was due',
      positiveNumber,
    )
    .option('--objects <n>', 'objects stored beforehand, to be read', wholeNumber(1, 100_000), 64)
    .option('--seed <n>', 'fixes the order of operations, sizes and reads', wholeNumber(0, 4_294_967_295), 1)
    .addHelpText(
      'after',
      '\nWhat it uploads stays: delete the repository, or its blobs, afterwards. Ctrl-C ends the window early and prints what there is.' +
        '\nExits with 1 where any operation failed.',
    )
    .action((options: CommonOptions & BenchOptions) => runBench(context, options));
}

/** An option whose default is shown as one would type it. */
function listOption(flags: string, description: string, parse: (text: string) => unknown, byDefault: string): Option {
  return new Option(flags, description).argParser(parsing(parse)).default(parse(byDefault), byDefault);
}

function parsing<Value>(parse: (text: string) => Value): (text: string) => Value {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`);
  };
}

function positiveNumber(text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new InvalidArgumentError('Give a number above 0.');
}
