/** Where the product reads the time, so that tests own it. */
export interface Clock {
  /** The wall clock, as the moment a row or a signature records. */
  now(): Date;
  /** Milliseconds that only grow: for durations and time-outs, never for dates. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
};
