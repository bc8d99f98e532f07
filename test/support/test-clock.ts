import type { Clock } from '../../src/kernel/clock.ts';

/** The real time, moved ahead as far as a test says. */
export interface TestClock extends Clock {
  advance(by: { seconds: number }): void;
}

export function createTestClock(): TestClock {
  let aheadMs = 0;
  return {
    now: () => new Date(Date.now() + aheadMs),
    monotonicMs: () => performance.now() + aheadMs,
    advance: ({ seconds }) => {
      aheadMs += seconds * 1000;
    },
  };
}
