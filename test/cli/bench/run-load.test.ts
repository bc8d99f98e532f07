import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { LoadTarget } from '../../../src/cli/bench/lane.ts';
import { type LoadPlan, runLoad } from '../../../src/cli/bench/run-load.ts';
import { freshObjects } from '../../../src/cli/bench/stored-objects.ts';
import { seededTasks, type Task, type TaskSource } from '../../../src/cli/bench/tasks.ts';

const nowMs = () => performance.now();
const LIST: TaskSource = { next: () => ({ operation: 'list' }) };

/** A server that does what the function does. */
function target(work: () => Promise<void>): LoadTarget {
  return {
    openLane: () => ({
      async run() {
        await work();
        return 1024;
      },
      close: () => undefined,
    }),
  };
}

const plan = (changes: Partial<LoadPlan>): LoadPlan => ({
  concurrency: 2,
  seconds: 0.3,
  warmUpSeconds: 0,
  ratePerSecond: null,
  ...changes,
});

test('in an open loop one stall counts for every operation that it kept waiting', async () => {
  let stalls = 1;
  const stalling = target(async () => {
    if (stalls-- > 0) await sleep(400);
  });
  // One caller, due every 10 ms: while the first operation stalls, about 40 others become due.
  const { operations, errors } = await runLoad(
    stalling,
    LIST,
    plan({ concurrency: 1, seconds: 0.5, ratePerSecond: 100 }),
    { nowMs },
  );
  expect(errors).toEqual({});
  const [list] = operations;
  expect(list?.count).toBe(50);
  // Half of them were due within the first 250 ms, and could begin at 400 ms at the earliest.
  expect(list?.latency.p50Ms).toBeGreaterThanOrEqual(140);
  // A clock that starts with each operation sees one slow one.
  expect(list?.service.p50Ms).toBeLessThan(list?.latency.p50Ms ?? 0);
});

test('in an open loop what a hanging server kept from beginning is counted', async () => {
  const hanging = target(() => sleep(300));
  const { neverBegun } = await runLoad(hanging, LIST, plan({ concurrency: 1, seconds: 0.1, ratePerSecond: 100 }), {
    nowMs,
  });
  expect(neverBegun).toBe(9);
});

test('failed operations are counted by their code, and in no latency', async () => {
  let turn = 0;
  const failing = target(async () => {
    turn += 1;
    if (turn % 2 === 0) throw Object.assign(new Error('refused'), { code: 'service_unavailable' });
  });
  const { operations, errors } = await runLoad(
    failing,
    LIST,
    plan({ concurrency: 1, seconds: 0.1, ratePerSecond: 100 }),
    { nowMs },
  );
  expect(errors).toEqual({ service_unavailable: 5 });
  expect(operations.map(({ operation, count }) => [operation, count])).toEqual([['list', 5]]);
});

test('what happens in the warm-up is not counted', async () => {
  let measuring = false;
  let counted = 0;
  const { operations } = await runLoad(
    target(async () => {
      await sleep(1);
      if (measuring) counted += 1;
    }),
    LIST,
    plan({ concurrency: 1, seconds: 0.1, warmUpSeconds: 0.1 }),
    {
      nowMs,
      onMeasuring: () => {
        measuring = true;
      },
    },
  );
  expect(operations[0]?.count).toBe(counted);
});

test('the seed fixes the order of operations, sizes and reads, and not the bytes', () => {
  const mix = [
    { value: 'session', weight: 1 },
    { value: 'range', weight: 3 },
  ] as const;
  const sizes = [
    { value: 1000, weight: 1 },
    { value: 100_000, weight: 1 },
  ];
  const fresh = freshObjects();
  const stored = [fresh(100_000), fresh(200_000)];
  const runOf = (seed: number): Task[] => {
    const tasks = seededTasks({ seed, mix, sizes }, fresh, (random) => random.pick(stored));
    return Array.from({ length: 200 }, () => tasks.next());
  };
  const shapeOf = (task: Task) =>
    task.operation === 'range'
      ? [task.payload.digest, task.range]
      : 'payload' in task && [task.operation, task.payload.lengthBytes];
  const [first, second, other] = [runOf(7), runOf(7), runOf(8)];
  expect(first.map(shapeOf)).toEqual(second.map(shapeOf));
  expect(first.map(shapeOf)).not.toEqual(other.map(shapeOf));
  const uploads = [...first, ...second].flatMap((task) => (task.operation === 'session' ? task.payload.digest : []));
  expect(new Set(uploads).size).toBe(uploads.length);
});
