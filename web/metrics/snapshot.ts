import { parseMetrics, type Sample } from './parse.ts';

/** What the charts need of one look at the metrics. Names differ between versions: what is not there is null, or empty. */
export interface Snapshot {
  readonly atMs: number;
  /** Answered requests by the first digit of their status. */
  readonly requestsByClass: Readonly<Record<string, number>>;
  /** Of all requests: how many took up to so many seconds. */
  readonly durations: readonly { readonly upToSeconds: number; readonly count: number }[];
  /** Counters of bytes of the product's own, by name. */
  readonly bytes: Readonly<Record<string, number>>;
  readonly residentBytes: number | null;
  readonly eventLoopDelaySeconds: number | null;
}

const REQUESTS = /^artifortress_http_request(s|_duration_seconds)?(_total|_count)$/;
const DURATIONS = /^artifortress_http_request.*_seconds_bucket$/;
const BYTES = /^artifortress_.*bytes(_total)$/;

export function readSnapshot(text: string, atMs: number): Snapshot {
  const samples = parseMetrics(text);
  const one = (name: string): number | null => samples.find((sample) => sample.name === name)?.value ?? null;
  const counting = samples.filter(({ name }) => REQUESTS.test(name));
  // A counter and a histogram may count the same requests: one of them is enough, and best one that tells the status.
  const counter = (counting.find(({ labels }) => 'status' in labels) ?? counting[0])?.name;
  const requests = counting.filter(({ name }) => name === counter);
  return {
    atMs,
    requestsByClass: sumBy(requests, ({ labels }) =>
      (labels.status ?? labels.code ?? labels.status_code ?? '').slice(0, 1),
    ),
    durations: Object.entries(
      sumBy(
        samples.filter(({ name }) => DURATIONS.test(name)),
        ({ labels }) => labels.le ?? '',
      ),
    )
      .map(([le, count]) => ({ upToSeconds: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), count }))
      .sort((left, right) => left.upToSeconds - right.upToSeconds),
    bytes: sumBy(
      samples.filter(({ name }) => BYTES.test(name)),
      ({ name, labels }) => [name, labels.direction].filter((part) => part !== undefined).join(' '),
    ),
    residentBytes: one('process_resident_memory_bytes'),
    eventLoopDelaySeconds: one('nodejs_eventloop_lag_p99_seconds'),
  };
}

function sumBy(samples: readonly Sample[], keyOf: (sample: Sample) => string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const sample of samples) sums[keyOf(sample)] = (sums[keyOf(sample)] ?? 0) + sample.value;
  return sums;
}

/** How much a counter grew a second, between two looks; one that has started anew counts from nothing. */
function rate(before: number | undefined, after: number | undefined, seconds: number): number {
  const grown = (after ?? 0) - (before ?? 0);
  return (grown < 0 ? (after ?? 0) : grown) / seconds;
}

/** What went on between two looks, each figure a second. */
export interface Interval {
  readonly atMs: number;
  readonly requests: number;
  readonly clientErrors: number;
  readonly serverErrors: number;
  /** Within which 95 of 100 requests were answered, in seconds; null where there was none. */
  readonly p95Seconds: number | null;
  readonly bytes: Readonly<Record<string, number>>;
  readonly residentBytes: number | null;
}

export function intervalBetween(before: Snapshot, after: Snapshot): Interval {
  const seconds = Math.max(0.001, (after.atMs - before.atMs) / 1000);
  const classRate = (digit: string): number =>
    rate(before.requestsByClass[digit], after.requestsByClass[digit], seconds);
  const classes = Object.keys(after.requestsByClass);
  return {
    atMs: after.atMs,
    requests: classes.reduce((sum, digit) => sum + classRate(digit), 0),
    clientErrors: classRate('4'),
    serverErrors: classRate('5'),
    p95Seconds: quantile(0.95, before, after),
    bytes: Object.fromEntries(
      Object.entries(after.bytes).map(([name, value]) => [name, rate(before.bytes[name], value, seconds)]),
    ),
    residentBytes: after.residentBytes,
  };
}

/** The bound of the first bucket that holds the quantile of what was counted between two looks. */
function quantile(share: number, before: Snapshot, after: Snapshot): number | null {
  const grown = after.durations.map(({ upToSeconds, count }) => ({
    upToSeconds,
    count: count - (before.durations.find((one) => one.upToSeconds === upToSeconds)?.count ?? 0),
  }));
  const all = grown.at(-1)?.count ?? 0;
  if (all <= 0) return null;
  const found = grown.find(({ count }) => count >= all * share)?.upToSeconds;
  return found === undefined || !Number.isFinite(found) ? null : found;
}
