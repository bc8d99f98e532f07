import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** How long a kind of operation took, in milliseconds. */
export interface LatencySummary {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maximumMs: number;
  /** Percentile (0…100) and latency, denser towards the end: what a plot needs. */
  readonly curve: readonly (readonly [percentile: number, ms: number])[];
}

const MICROSECONDS_A_MILLISECOND = 1_000;
const LONGEST_MICROSECONDS = 3_600_000_000;
/** Every latency is kept to within a thousandth of itself. */
const SIGNIFICANT_FIGURES = 3;

/** Latencies of one kind, in Node's own HdrHistogram: constant memory, however long the run. */
export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: LONGEST_MICROSECONDS,
    figures: SIGNIFICANT_FIGURES,
  });

  record(latencyMs: number): void {
    const microseconds = Math.round(latencyMs * MICROSECONDS_A_MILLISECOND);
    this.#histogram.record(Math.min(LONGEST_MICROSECONDS, Math.max(1, microseconds)));
  }

  /** Returns what was recorded so far; zeros where nothing was. */
  summary(): LatencySummary {
    const histogram = this.#histogram;
    const { count } = histogram;
    const milliseconds = (microseconds: number) => (count === 0 ? 0 : microseconds / MICROSECONDS_A_MILLISECOND);
    return {
      count,
      meanMs: milliseconds(histogram.mean),
      p50Ms: milliseconds(histogram.percentile(50)),
      p90Ms: milliseconds(histogram.percentile(90)),
      p99Ms: milliseconds(histogram.percentile(99)),
      p999Ms: milliseconds(histogram.percentile(99.9)),
      maximumMs: milliseconds(histogram.max),
      curve: count === 0 ? [] : Array.from(histogram.percentiles, ([at, value]) => [at, milliseconds(value)] as const),
    };
  }
}
