import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';

const WORKLOAD_NAMES = ['start', 'small-up', 'small-down', 'big-up', 'big-down', 'ranges'] as const;
export type WorkloadName = (typeof WORKLOAD_NAMES)[number];

export interface Options {
  /** Length of one timed window. */
  readonly seconds: number;
  readonly rounds: number;
  readonly bigMib: number;
  readonly only: readonly WorkloadName[];
  /** Where the temporary data goes. */
  readonly dir: string;
  readonly jsonPath: string | null;
  readonly markdown: boolean;
}

const DEFAULT_SECONDS = 2;
const DEFAULT_ROUNDS = 3;
const DEFAULT_BIG_MIB = 1024;
const MAX_SECONDS = 600;
const MAX_ROUNDS = 100;
const MAX_BIG_MIB = 1024 * 1024;

export const HELP = `Usage: npm run bench -- [options]

Measures Artifortress on its embedded default beside a bare node:http server, Debian's docker-registry and nginx,
on this machine, in turns. Everything talks over loopback only and is removed at the end.

  --seconds <n>     length of one timed window (default ${DEFAULT_SECONDS})
  --rounds <n>      rounds; the figures are the medians of the rounds, the ratios are formed in each (default ${DEFAULT_ROUNDS})
  --big-mib <n>     size of the big object in MiB (default ${DEFAULT_BIG_MIB})
  --only <a,b>      some of the workloads: ${WORKLOAD_NAMES.join(', ')}
  --dir <folder>    where the temporary data goes; it should be on the disk that counts (default ${tmpdir()})
  --json <file>     also writes machine, versions, commit and every round's figures
  --markdown        prints Markdown instead of a plain table
  --help            prints this

The default run takes four to six minutes. For a quick look: --seconds 1 --rounds 1 --big-mib 64.
The comparisons come from: apt-get install --no-install-recommends nginx-light docker-registry
(their services needn't run; stop and disable them).`;

/** Parses the command line; null where help is asked for. Throws an error that says what is wrong with which option. */
export function parseOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      'big-mib': { type: 'string' },
      only: { type: 'string' },
      dir: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  return {
    seconds: parseNumber('--seconds', values.seconds, DEFAULT_SECONDS, { least: 0.1, most: MAX_SECONDS }),
    rounds: parseInteger('--rounds', values.rounds, DEFAULT_ROUNDS, MAX_ROUNDS),
    bigMib: parseInteger('--big-mib', values['big-mib'], DEFAULT_BIG_MIB, MAX_BIG_MIB),
    only: parseOnly(values.only),
    dir: values.dir ?? tmpdir(),
    jsonPath: values.json ?? null,
    markdown: values.markdown,
  };
}

function parseNumber(
  option: string,
  text: string | undefined,
  fallback: number,
  { least, most }: { least: number; most: number },
): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!(value >= least && value <= most))
    throw new Error(`${option} takes a number from ${least} to ${most}, not "${text}"`);
  return value;
}

function parseInteger(option: string, text: string | undefined, fallback: number, most: number): number {
  const value = parseNumber(option, text, fallback, { least: 1, most });
  if (!Number.isInteger(value)) throw new Error(`${option} takes a whole number, not "${text}"`);
  return value;
}

function parseOnly(text: string | undefined): readonly WorkloadName[] {
  if (text === undefined) return WORKLOAD_NAMES;
  return text.split(',').map((name) => {
    const known = WORKLOAD_NAMES.find((candidate) => candidate === name.trim());
    if (known === undefined) throw new Error(`--only takes ${WORKLOAD_NAMES.join(', ')}, not "${name}"`);
    return known;
  });
}
