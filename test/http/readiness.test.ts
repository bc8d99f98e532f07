import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createReadiness } from '../../src/http/readiness.ts';
import { systemClock } from '../../src/kernel/clock.ts';

const CACHE_MS = 1000;
const CHECK_TIMEOUT_MS = 3000;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** A dependency that answers when the test says so. */
function dependency() {
  const asked: { answer: () => void; fail: (error: Error) => void }[] = [];
  const check = () =>
    new Promise<void>((resolve, reject) => {
      asked.push({ answer: resolve, fail: reject });
    });
  return { asked, check };
}

test('probes at the same time are one question', async () => {
  const { asked, check } = dependency();
  const ready = createReadiness({ database: check }, CACHE_MS, systemClock);
  const probes = [ready(), ready(), ready()];
  asked[0]?.answer();
  expect(await Promise.all(probes)).toEqual(probes.map(() => ({ database: undefined })));
  expect(asked).toHaveLength(1);
});

test('an answer is repeated for as long as it is kept, and found out anew after that', async () => {
  const { asked, check } = dependency();
  const ready = createReadiness({ database: check }, CACHE_MS, systemClock);
  const first = ready();
  asked[0]?.answer();
  await first;
  await vi.advanceTimersByTimeAsync(CACHE_MS - 1);
  expect([await ready(), asked.length]).toEqual([{ database: undefined }, 1]);
  await vi.advanceTimersByTimeAsync(1);
  const second = ready();
  asked[1]?.fail(new Error('gone'));
  expect(await second).toEqual({ database: 'gone' });
});

test('a dependency that hangs is down, and the other one is not', async () => {
  const hanging = dependency();
  const ready = createReadiness({ database: hanging.check, objectStore: async () => undefined }, CACHE_MS, systemClock);
  const probe = ready();
  await vi.advanceTimersByTimeAsync(CHECK_TIMEOUT_MS);
  expect(await probe).toEqual({ database: `no answer within ${CHECK_TIMEOUT_MS} ms`, objectStore: undefined });
});

test('a dependency that hangs is not asked again before it has answered', async () => {
  const { asked, check } = dependency();
  const ready = createReadiness({ database: check }, CACHE_MS, systemClock);
  for (let round = 0; round < 3; round += 1) {
    const probe = ready();
    await vi.advanceTimersByTimeAsync(CHECK_TIMEOUT_MS);
    await probe;
    await vi.advanceTimersByTimeAsync(CACHE_MS);
  }
  expect(asked).toHaveLength(1);
  asked[0]?.answer();
  await vi.advanceTimersByTimeAsync(0);
  const probe = ready();
  asked[1]?.answer();
  expect(await probe).toEqual({ database: undefined });
});
