import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { S3_SERVER_NAMES, type S3ServerName } from '../go-programs.ts';

type StoreKind = 'folder' | 's3';
export type WorkloadName =
  | 'start'
  | 'small-up'
  | 'small-down'
  | 'big-up'
  | 'big-down'
  | 'ranges'
  | 'commit'
  | 'traffic';

const WORKLOADS: Readonly<Record<StoreKind, readonly WorkloadName[]>> = {
  folder: ['start', 'small-up', 'small-down', 'big-up', 'big-down', 'ranges'],
  s3: ['small-up', 'small-down', 'big-up', 'big-down', 'commit', 'traffic'],
};

export interface Options {
  readonly store: StoreKind;
  /** Which S3 server the bytes go to, where they go to one. */
  readonly s3Server: S3ServerName;
  /** Length of one timed window. */
  readonly seconds: number;
  readonly rounds: number;
  readonly bigMib: number;
  /** What goes through our server, in and out, before its memory is read. */
  readonly trafficGib: number;
  readonly only: readonly WorkloadName[];
  /** Where the temporary data goes. */
  readonly dir: string;
  readonly jsonPath: string | null;
  readonly markdown: boolean;
  /** What was typed, without the paths of this machine. */
  readonly command: string;
}

const DEFAULT_SECONDS = 2;
/** More on S3: uploads wait for the disk there, and its rate changes. */
const DEFAULT_ROUNDS: Readonly<Record<StoreKind, number>> = { folder: 3, s3: 5 };
const DEFAULT_BIG_MIB = 1024;
const MAX_SECONDS = 600;
const MAX_ROUNDS = 100;
const MAX_BIG_MIB = 1024 * 1024;
/** An object in two parts, neither of which S3 would find too small. */
const LEAST_BIG_MIB_ON_S3 = 16;
/** What the aim for our server's memory is stated by. */
const DEFAULT_TRAFFIC_GIB = 10;
const MAX_TRAFFIC_GIB = 10_000;
/** They name places on this machine, and a report is read elsewhere. */
const PATH_OPTIONS: readonly string[] = ['dir', 'json'];

export const HELP = `Usage: npm run bench -- [options]

Measures Artifortress on its embedded default beside a bare node:http server, Debian's docker-registry and nginx,
on this machine, in turns. Everything talks over loopback only and is removed at the end. With --store s3 the bytes of
all go to one S3 server instead, started for the run (and built with Go by the first), and the comparison is with that
server's own presigned URLs, and with docker-registry on the same server.

  --store <kind>    where the bytes lie: folder or s3 (default folder)
  --s3-server <s>   with --store s3: ${S3_SERVER_NAMES.join(' or ')} (default ${S3_SERVER_NAMES[0]})
  --seconds <n>     length of one timed window (default ${DEFAULT_SECONDS})
  --rounds <n>      rounds; the figures are the medians of the rounds, the ratios are formed in each
                    (default ${DEFAULT_ROUNDS.folder}, with --store s3 ${DEFAULT_ROUNDS.s3})
  --big-mib <n>     size of the big object in MiB (default ${DEFAULT_BIG_MIB})
  --traffic-gib <n> with --store s3: what goes through our server before its memory is read (default ${DEFAULT_TRAFFIC_GIB})
  --only <a,b>      some of the workloads: ${WORKLOADS.folder.join(', ')};
                    with --store s3: ${WORKLOADS.s3.join(', ')}
  --dir <folder>    where the temporary data goes; it should be on the disk that counts (default ${tmpdir()})
  --json <file>     also writes machine, versions, commit and every round's figures
  --markdown        prints a whole Markdown document instead of plain tables: into docs/reports/benchmark.md or benchmark-s3.md
  --help            prints this

The default run takes four to six minutes, and eight to eleven with --store s3. For a quick look: --seconds 1 --rounds 1 --big-mib 64.
The comparisons come from: apt-get install --no-install-recommends nginx-light docker-registry
(their services needn't run; stop and disable them).`;

/** Parses the command line; null where help is asked for. Throws an error that says what is wrong with which option. */
export function parseOptions(args: readonly string[]): Options | null {
  const { values, tokens } = parseArgs({
    args: [...args],
    tokens: true,
    options: {
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      'big-mib': { type: 'string' },
      store: { type: 'string', default: 'folder' },
      's3-server': { type: 'string', default: S3_SERVER_NAMES[0] },
      'traffic-gib': { type: 'string' },
      only: { type: 'string' },
      dir: { type: 'string' },
      json: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const store = parseStore(values.store);
  const leastBigMib = store === 's3' ? LEAST_BIG_MIB_ON_S3 : 1;
  return {
    store,
    s3Server: parseS3Server(values['s3-server']),
    seconds: parseNumber('--seconds', values.seconds, DEFAULT_SECONDS, { least: 0.1, most: MAX_SECONDS }),
    rounds: parseInteger('--rounds', values.rounds, DEFAULT_ROUNDS[store], { least: 1, most: MAX_ROUNDS }),
    bigMib: parseInteger('--big-mib', values['big-mib'], DEFAULT_BIG_MIB, { least: leastBigMib, most: MAX_BIG_MIB }),
    trafficGib: parseNumber('--traffic-gib', values['traffic-gib'], DEFAULT_TRAFFIC_GIB, {
      least: 0.1,
      most: MAX_TRAFFIC_GIB,
    }),
    only: parseOnly(values.only, WORKLOADS[store]),
    dir: values.dir ?? tmpdir(),
    jsonPath: values.json ?? null,
    markdown: values.markdown,
    command: ['npm run bench --', ...tokens.flatMap(wordsOf)].join(' '),
  };
}

/** A token of `parseArgs` as it was typed; nothing for one that names a path. */
function wordsOf(token: { kind: string; name?: string; rawName?: string; value?: string | undefined }): string[] {
  const { name, rawName, value } = token;
  if (name === undefined || rawName === undefined || PATH_OPTIONS.includes(name)) return [];
  return value === undefined ? [rawName] : [rawName, value];
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}

function parseStore(text: string): StoreKind {
  if (text === 'folder' || text === 's3') return text;
  throw new Error(`--store takes folder or s3, not "${text}"`);
}

function parseS3Server(text: string): S3ServerName {
  const known = S3_SERVER_NAMES.find((name) => name === text);
  if (known === undefined) throw new Error(`--s3-server takes ${S3_SERVER_NAMES.join(' or ')}, not "${text}"`);
  return known;
}

function parseNumber(option: string, text: string | undefined, fallback: number, { least, most }: Bounds): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (!(value >= least && value <= most))
    throw new Error(`${option} takes a number from ${least} to ${most}, not "${text}"`);
  return value;
}

function parseInteger(option: string, text: string | undefined, fallback: number, bounds: Bounds): number {
  const value = parseNumber(option, text, fallback, bounds);
  if (!Number.isInteger(value)) throw new Error(`${option} takes a whole number, not "${text}"`);
  return value;
}

function parseOnly(text: string | undefined, names: readonly WorkloadName[]): readonly WorkloadName[] {
  if (text === undefined) return names;
  return text.split(',').map((name) => {
    const known = names.find((candidate) => candidate === name.trim());
    if (known === undefined) throw new Error(`--only takes ${names.join(', ')}, not "${name}"`);
    return known;
  });
}
