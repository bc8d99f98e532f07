import { median } from '../bench/statistics.ts';
import { MIB_BYTES } from '../bench/units.ts';
import { LEAST_ROWS } from './growth-sizes.ts';
import type { GrowthResult, LoadResult, Sample, SlowResult, SoakResult, ThroughputResult } from './results.ts';
import { shortStatement } from './statement-text.ts';
import { type Trend, trendOf } from './trend.ts';

/** A target of the project beside what was measured. */
export interface Verdict {
  readonly target: string;
  readonly aim: string;
  readonly measured: string;
  readonly met: boolean;
}

/** What an earlier implementation gave, with objects of 256 KiB and 4 in flight, on a desktop CPU; ours is to give ten times that. */
const EARLIER = { upMibPerSecond: 5.2, upPerSecond: 20.7, downMibPerSecond: 31.4, downPerSecond: 125.5 };
const FACTOR = 10;
const TARGET_SIZES = '256k';
const TARGET_CONCURRENCY = 4;
const MOST_GROWTH = 1.3;
const MOST_SLOW_RSS_MIB = 512;
/** What a line through the samples may grow by over the run. */
const MOST_SOAK_GROWTH = 0.05;
/** The beginning of a soak, in which pools, caches and the heap reach their size. */
const SETTLING_SHARE = 0.25;

/** A count with its thousands apart. */
export function grouped(count: number): string {
  return count.toLocaleString('en');
}

/** Returns the targets that a result tells of, and whether they are met. */
export function verdictsOf(result: LoadResult): Verdict[] {
  switch (result.kind) {
    case 'throughput':
      return ofThroughput(result);
    case 'growth':
      return ofGrowth(result);
    case 'slow':
      return ofSlow(result);
    case 'soak':
      return ofSoak(result);
  }
}

function ofThroughput({ store, sizes, points }: ThroughputResult): Verdict[] {
  const errors = points
    .filter(({ subject }) => subject === 'artifortress')
    .flatMap(({ figures }) => Object.values(figures.errors));
  const count = errors.reduce((sum, one) => sum + one, 0);
  const withoutErrors = {
    target: `${store}: failed operations of ours`,
    aim: '0',
    measured: String(count),
    met: count === 0,
  };
  if (sizes !== TARGET_SIZES) return [withoutErrors];
  const rates = [
    { load: 'session', mibPerSecond: EARLIER.upMibPerSecond, perSecond: EARLIER.upPerSecond },
    { load: 'put', mibPerSecond: EARLIER.upMibPerSecond, perSecond: EARLIER.upPerSecond },
    { load: 'download', mibPerSecond: EARLIER.downMibPerSecond, perSecond: EARLIER.downPerSecond },
  ].flatMap(({ load, mibPerSecond, perSecond }) => {
    const point = points.find(
      (one) => one.subject === 'artifortress' && one.load === load && one.concurrency === TARGET_CONCURRENCY,
    );
    const figures = point?.figures.operations[0];
    if (figures === undefined) return [];
    const leastMib = mibPerSecond * FACTOR;
    const least = perSecond * FACTOR;
    return [
      {
        target: `${store}: ${load}, 256 KiB, ${TARGET_CONCURRENCY} in flight`,
        aim: `≥ ${leastMib} MiB/s and ${grouped(least)}/s (${FACTOR}× an earlier implementation)`,
        measured: `${figures.mibPerSecond.toFixed(1)} MiB/s, ${figures.perSecond.toFixed(0)}/s (${(figures.mibPerSecond / mibPerSecond).toFixed(1)}×)`,
        met: figures.mibPerSecond >= leastMib && figures.perSecond >= least,
      },
    ];
  });
  return [...rates, withoutErrors];
}

/** The p99 of a step or an operation in each round; NaN where none was measured. */
export function p99sOf({ databases }: GrowthResult, rows: number, name: string): number[] {
  const database = databases.find((one) => one.rows === rows);
  return (database?.rounds ?? []).map(
    ({ steps, operations }) =>
      (steps.find(({ step }) => step === name) ?? operations.find(({ operation }) => operation === name))?.latency
        .p99Ms ?? Number.NaN,
  );
}

function ofGrowth(result: GrowthResult): Verdict[] {
  const rows = Math.max(...result.databases.map((database) => database.rows));
  const ratios = ['create', 'commit', 'download', 'list', 'search', 'dedupe'].map((name) => {
    const small = p99sOf(result, LEAST_ROWS, name);
    const quotients = p99sOf(result, rows, name).map((p99, round) => p99 / (small[round] ?? Number.NaN));
    const ratio = median(quotients);
    const [least, most] = [Math.min(...quotients), Math.max(...quotients)];
    return {
      target: `p99 of ${name} among ${grouped(rows)} blobs over ${grouped(LEAST_ROWS)}`,
      aim: `≤ ${MOST_GROWTH}×`,
      measured: `${ratio.toFixed(2)}× (rounds ${least.toFixed(2)}–${most.toFixed(2)})`,
      met: ratio <= MOST_GROWTH,
    };
  });
  const scanning = result.plans.statements.filter(({ sequentialScans }) => sequentialScans.length > 0);
  return [
    ...ratios,
    {
      target: `statements that read a growing table from end to end, of ${result.plans.statements.length}`,
      aim: '0',
      measured: [String(scanning.length), ...scanning.map(({ text }) => shortStatement(text))].join('; '),
      met: scanning.length === 0,
    },
  ];
}

function ofSlow(result: SlowResult): Verdict[] {
  const { downloads, uploads, downloadsHeld, uploadsCommitted, holdSeconds, errors, envelope } = result;
  const rssMib = envelope.peakRssBytes / MIB_BYTES;
  const failures = Object.entries(errors).map(([code, count]) => `${count} × ${code}`);
  return [
    {
      target: `${grouped(downloads)} slow downloads and ${grouped(uploads)} slow uploads held for ${holdSeconds} s`,
      aim: 'all, without an error',
      measured: [`${grouped(downloadsHeld)} and ${grouped(uploadsCommitted)}`, ...failures].join(', '),
      met: downloadsHeld === downloads && uploadsCommitted === uploads && failures.length === 0,
    },
    {
      target: 'memory of the server process meanwhile, without PostgreSQL, at its peak',
      aim: `≤ ${MOST_SLOW_RSS_MIB} MiB`,
      measured: `${rssMib.toFixed(0)} MiB`,
      met: rssMib <= MOST_SLOW_RSS_MIB,
    },
  ];
}

interface SoakSeries {
  readonly read: (sample: Sample) => number;
  /** What it may grow by in any case, since it comes and goes in steps. */
  readonly allowance: number;
}

/** What may not grow in a soak, by name. */
export const SOAK_SERIES: Readonly<Record<string, SoakSeries>> = {
  'memory of the server process, without PostgreSQL, MiB': {
    read: ({ rssBytes }) => rssBytes / MIB_BYTES,
    allowance: 0,
  },
  'open files and sockets': { read: ({ files }) => files, allowance: 10 },
  'connections to PostgreSQL': { read: ({ databaseConnections }) => databaseConnections, allowance: 2 },
};

/** The line through a series once the server has settled. */
export function soakTrend({ samples }: SoakResult, { read }: SoakSeries): Trend | null {
  const settled = samples.slice(Math.floor(samples.length * SETTLING_SHARE));
  return trendOf(settled.map((sample) => ({ atSeconds: sample.atSeconds, value: read(sample) })));
}

function ofSoak(result: SoakResult): Verdict[] {
  const flat = Object.entries(SOAK_SERIES).flatMap(([name, series]) => {
    const trend = soakTrend(result, series);
    if (trend === null) return [];
    const { slopePerHour, doubtPerHour, mean, growthShare } = trend;
    return [
      {
        target: `soak of ${result.minutes} min: ${name}`,
        aim: `grows by ≤ ${MOST_SOAK_GROWTH * 100} %${series.allowance === 0 ? '' : `, or by ${series.allowance}`}`,
        measured: `${(growthShare * 100).toFixed(1)} % of ${mean.toFixed(0)} (${slopePerHour.toFixed(1)} ± ${doubtPerHour.toFixed(1)} an hour)`,
        met: growthShare * mean <= Math.max(MOST_SOAK_GROWTH * mean, series.allowance),
      },
    ];
  });
  const { errors, neverBegun } = result.figures;
  const failures = Object.entries(errors).map(([code, count]) => `${count} × ${code}`);
  return [
    ...flat,
    {
      target: `soak of ${result.minutes} min: failed operations, and such as were never begun`,
      aim: '0',
      measured: failures.length + neverBegun === 0 ? '0' : [...failures, `${neverBegun} never begun`].join(', '),
      met: failures.length === 0 && neverBegun === 0,
    },
  ];
}
