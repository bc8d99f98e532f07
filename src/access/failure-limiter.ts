import type { Clock } from '../kernel/clock.ts';

/** Keys remembered at the most; beyond that the one that was quiet for longest is forgotten. */
const MAXIMUM_KEYS = 10_000;
const MINUTE_SECONDS = 60;

/** Bounds how often something may fail, by key: as many as a minute allows at once, then as they come back through the minute. */
export interface FailureLimiter {
  /** Seconds until the key may fail again; 0 where it may now. */
  waitSeconds(key: string): number;
  /** Counts a failure of the key. */
  count(key: string): void;
}

interface Bucket {
  left: number;
  filledAtMs: number;
}

export function createFailureLimiter(clock: Pick<Clock, 'monotonicMs'>, perMinute: number): FailureLimiter {
  const buckets = new Map<string, Bucket>();
  const perMs = perMinute / (MINUTE_SECONDS * 1000);

  const refill = (bucket: Bucket): Bucket => {
    const nowMs = clock.monotonicMs();
    const left = Math.min(perMinute, bucket.left + (nowMs - bucket.filledAtMs) * perMs);
    return { left, filledAtMs: nowMs };
  };

  return {
    waitSeconds(key) {
      const bucket = buckets.get(key);
      if (bucket === undefined) return 0;
      const { left } = refill(bucket);
      return left >= 1 ? 0 : Math.ceil((1 - left) / perMs / 1000);
    },
    count(key) {
      const { left, filledAtMs } = refill(buckets.get(key) ?? { left: perMinute, filledAtMs: clock.monotonicMs() });
      // Taken out and put in again: a Map keeps its keys in the order in which they came.
      buckets.delete(key);
      buckets.set(key, { left: Math.max(0, left - 1), filledAtMs });
      const [oldest] = buckets.keys();
      if (buckets.size > MAXIMUM_KEYS && oldest !== undefined) buckets.delete(oldest);
    },
  };
}
