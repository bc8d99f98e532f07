import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseMix, parseSizes } from '../../src/cli/bench/parse-plan.ts';
import type { Mix, Sizes } from '../../src/cli/bench/tasks.ts';
import { COMMANDS, type CommandName, STORES, type StoreName } from './commands.ts';

export interface Options {
  readonly command: CommandName;
  readonly quick: boolean;
  readonly store: StoreName;
  readonly sizes: Sizes;
  readonly sizesText: string;
  readonly mix: Mix;
  readonly mixText: string;
  /** What a sweep goes through. */
  readonly concurrencies: readonly number[];
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly ratePerSecond: number | null;
  readonly rows: number;
  readonly rounds: number;
  readonly downloads: number;
  readonly uploads: number;
  readonly minutes: number;
  readonly seed: number;
  /** Where the temporary data goes. */
  readonly dir: string;
  /** Where the results go. */
  readonly out: string;
  /** Settings of our server beside the defaults, by the names of their variables. */
  readonly serverSettings: Readonly<Record<string, string>>;
  /** Where the server's CPU profile goes, if one is to be made. */
  readonly cpuProfileFolder: string | null;
  /** What was typed, without the paths of this machine. */
  readonly typed: string;
}

export const RESULTS_FOLDER = fileURLToPath(new URL('../../docs/reports/load/', import.meta.url));
/** They name places on this machine, and a report is read elsewhere. */
const PATH_OPTIONS: readonly string[] = ['dir', 'out', 'cpu-prof'];
const DEFAULT_SEED = 20_260_401;
const MOST = 1_000_000_000;

const DEFAULTS = {
  full: {
    seconds: '5',
    'warm-up': '1',
    concurrency: '1,4,16,64',
    rows: '10000000',
    rounds: '5',
    downloads: '1000',
    uploads: '200',
    minutes: '20',
  },
  quick: {
    seconds: '0.5',
    'warm-up': '0.2',
    concurrency: '4',
    rows: '20000',
    rounds: '1',
    downloads: '50',
    uploads: '10',
    minutes: '0.1',
  },
} as const;

export const HELP = `Usage: npm run load -- [command] [options]

Puts Artifortress on its embedded default under load, on this machine, and writes what was found as JSON for npm run load:report.
Everything talks over loopback only and is removed at the end. A server of your own is loaded by: artifortress bench --help

Commands:
  throughput   uploads, deduplication, downloads and ranges at several concurrencies, beside what else is installed of
               docker-registry, nginx and the store's own presigned URLs; then a mix in an open loop (the default)
  slow         many slow downloads and uploads at once: held without an error, in how much memory
  growth       latencies on a database of many blobs beside those on a small one, and the plan of each statement
  soak         a mix at a steady rate for a long time: do memory, handles and connections grow
  all          each of them: throughput on the folder and on MinIO, and the benchmark's ratios (npm run bench) on both

Options:
  --quick               a minute for everything, to see that it works; its figures mean nothing, and go to a temporary folder
  --store <name>        throughput: ${STORES.join(', ')} (default folder; the latter are built with Go by the first run)
  --sizes <list>        sizes with weights, such as 256k or 64k:9,8m:1 (default 256k; soak: 16k:4,256k:4,4m:1)
  --mix <list>          operations with weights, for the open loop and the soak
                        (default session=1,dedupe=1,download=4,range=2; the soak lists and searches too)
  --concurrency <list>  throughput: operations under way at the same time (default ${DEFAULTS.full.concurrency})
  --seconds <n>         throughput, growth: length of a window (default ${DEFAULTS.full.seconds}; growth 20); slow: how long all are held (60)
  --warm-up <n>         seconds before each window that don't count (default ${DEFAULTS.full['warm-up']})
  --rate <n>            throughput, soak: operations to begin a second in the open loop (default: half of what a closed loop gave)
  --rows <n>            growth: blobs of the largest database (default ${DEFAULTS.full.rows})
  --rounds <n>          growth: windows on each database, in turns (default ${DEFAULTS.full.rounds})
  --downloads, --uploads <n>  slow: how many at once (default ${DEFAULTS.full.downloads} and ${DEFAULTS.full.uploads})
  --minutes <n>         soak: how long (default ${DEFAULTS.full.minutes})
  --seed <n>            fixes the order of operations, sizes and reads
  --dir <folder>        where the temporary data goes; it should be on the disk that counts (default ${tmpdir()})
  --out <folder>        where the results go (default docs/reports/load)
  --set <NAME=value>    a setting of our server, such as ARTIFORTRESS_READ_AHEAD_BYTES=134217728; may be repeated
  --cpu-prof <folder>   also writes a CPU profile of our server there, as it ends
  --help                prints this

The defaults take about: throughput 6 minutes, slow 2, growth 40 (and 30 GB of disk), soak 21, all 100.
The comparisons come from: apt-get install --no-install-recommends nginx-light docker-registry
(their services needn't run; stop and disable them).`;

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean', default: false } as const;
const ARGUMENTS = {
  store: TEXT,
  sizes: TEXT,
  mix: TEXT,
  concurrency: TEXT,
  seconds: TEXT,
  'warm-up': TEXT,
  rate: TEXT,
  rows: TEXT,
  rounds: TEXT,
  downloads: TEXT,
  uploads: TEXT,
  minutes: TEXT,
  seed: TEXT,
  dir: TEXT,
  out: TEXT,
  'cpu-prof': TEXT,
  set: { type: 'string', multiple: true },
  quick: FLAG,
  help: FLAG,
} as const;

/** Parses the command line; null where help is asked for. Throws an error that says what is wrong with which option. */
export function parseOptions(args: readonly string[]): Options | null {
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    tokens: true,
    allowPositionals: true,
    options: ARGUMENTS,
  });
  if (values.help) return null;
  const command = parseOneOf('command', positionals[0] ?? 'throughput', COMMANDS);
  if (positionals.length > 1) throw new Error(`one command at a time, not ${positionals.join(' and ')}`);
  const { quick } = values;
  const defaults = { ...DEFAULTS[quick ? 'quick' : 'full'], ...commandDefaults(command, quick) };
  const number = (name: keyof typeof defaults, bounds: Bounds) =>
    parseNumber(name, values[name] ?? defaults[name], bounds);
  const sizesText = values.sizes ?? (command === 'soak' ? '16k:4,256k:4,4m:1' : '256k');
  const soakMix = 'put=1,session=2,dedupe=1,download=8,range=4,list=1,search=1';
  const mixText = values.mix ?? (command === 'soak' ? soakMix : 'session=1,dedupe=1,download=4,range=2');
  const rate = values.rate;
  return {
    command,
    quick,
    store: parseOneOf('--store', values.store ?? 'folder', STORES),
    sizes: parseSizes(sizesText),
    sizesText,
    mix: parseMix(mixText),
    mixText,
    concurrencies: (values.concurrency ?? defaults.concurrency)
      .split(',')
      .map((text) => parseNumber('concurrency', text, { least: 1, most: 10_000, whole: true })),
    seconds: number('seconds', { least: 0.1, most: 86_400 }),
    warmUpSeconds: number('warm-up', { least: 0, most: 3_600 }),
    ratePerSecond: rate === undefined ? null : parseNumber('rate', rate, { least: 0.001, most: MOST }),
    rows: number('rows', { least: 10_000, most: MOST, whole: true }),
    rounds: number('rounds', { least: 1, most: 1_000, whole: true }),
    downloads: number('downloads', { least: 1, most: 100_000, whole: true }),
    uploads: number('uploads', { least: 0, most: 100_000, whole: true }),
    minutes: number('minutes', { least: 0.05, most: 100_000 }),
    seed: parseNumber('seed', values.seed ?? String(DEFAULT_SEED), { least: 0, most: 4_294_967_295, whole: true }),
    dir: values.dir ?? tmpdir(),
    out: values.out ?? (quick ? join(tmpdir(), 'artifortress-load-quick') : RESULTS_FOLDER),
    serverSettings: Object.fromEntries((values.set ?? []).map(parseSetting)),
    cpuProfileFolder: values['cpu-prof'] ?? null,
    typed: ['npm run load --', ...tokens.flatMap(wordsOf)].join(' '),
  };
}

function commandDefaults(command: CommandName, quick: boolean): { seconds?: string } {
  if (command === 'growth') return { seconds: quick ? '1' : '20' };
  if (command === 'slow') return { seconds: quick ? '3' : '60' };
  return {};
}

/** A token of `parseArgs` as it was typed; nothing for one that names a path. */
function wordsOf(token: { kind: string; name?: string; rawName?: string; value?: string | undefined }): string[] {
  const { kind, name = '', rawName, value } = token;
  if (kind === 'positional') return [value ?? ''];
  if (rawName === undefined || PATH_OPTIONS.includes(name)) return [];
  return value === undefined ? [rawName] : [rawName, value];
}

interface Bounds {
  readonly least: number;
  readonly most: number;
  readonly whole?: true;
}

function parseNumber(name: string, text: string, { least, most, whole }: Bounds): number {
  const value = Number(text);
  const isGood = value >= least && value <= most && (whole !== true || Number.isInteger(value));
  if (isGood) return value;
  throw new Error(`--${name} takes a ${whole === true ? 'whole ' : ''}number from ${least} to ${most}, not "${text}"`);
}

function parseSetting(text: string): [name: string, value: string] {
  const match = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(text);
  if (match === null) throw new Error(`--set takes NAME=value, not "${text}"`);
  return [match[1] ?? '', match[2] ?? ''];
}

function parseOneOf<Name extends string>(what: string, text: string, names: readonly Name[]): Name {
  const known = names.find((name) => name === text);
  if (known !== undefined) return known;
  throw new Error(`${what} is one of ${names.join(', ')}, not "${text}"`);
}
