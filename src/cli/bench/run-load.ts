import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, type Lane, type LoadTarget } from './lane.ts';
import { type LoadFigures, Recorder } from './recorder.ts';
import type { TaskSource } from './tasks.ts';

export interface LoadPlan {
  /** Operations under way at the same time; of an open loop, at most. */
  readonly concurrency: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  /**
   * Operations that are meant to begin a second, evenly spaced, whatever the server does (an open loop); null where each caller
   * begins the next as soon as the last is done (a closed loop).
   */
  readonly ratePerSecond: number | null;
}

export interface LoadContext {
  readonly nowMs: () => number;
  /** Ends the run early. */
  readonly signal?: AbortSignal;
  /** Called as the warm-up is over, and what follows counts. */
  readonly onMeasuring?: () => void;
}

/** After the end of an open loop, what is overdue is still begun for this long, and no longer than the window was. */
const LONGEST_CATCH_UP_SECONDS = 5;
/** A caller whose operation failed waits, so that a server that refuses is not flooded. */
const PAUSE_AFTER_ERROR_MS = 20;

/**
 * Loads a server: a warm-up that is not counted, then the window. Latency is measured from the moment at which an operation was
 * meant to begin: in an open loop a stall of the server then counts for everything that it kept waiting, and not only for the few
 * operations that were under way ("coordinated omission").
 */
export async function runLoad(
  target: LoadTarget,
  tasks: TaskSource,
  plan: LoadPlan,
  context: LoadContext,
): Promise<LoadFigures> {
  if (plan.warmUpSeconds > 0) {
    await runWindow(target, tasks, { ...plan, seconds: plan.warmUpSeconds }, context, new Recorder());
  }
  context.onMeasuring?.();
  return await runWindow(target, tasks, plan, context, new Recorder());
}

async function runWindow(
  target: LoadTarget,
  tasks: TaskSource,
  plan: LoadPlan,
  context: LoadContext,
  recorder: Recorder,
): Promise<LoadFigures> {
  const lanes = Array.from({ length: plan.concurrency }, () => target.openLane(recorder.recordStep));
  const startedAtMs = context.nowMs();
  const schedule = scheduleOf(plan, startedAtMs, context);
  try {
    await Promise.all(lanes.map((lane) => runLane(lane, tasks, schedule, context, recorder)));
  } finally {
    for (const lane of lanes) lane.close();
  }
  return recorder.figures((context.nowMs() - startedAtMs) / 1000, schedule.neverBegun());
}

/** Says when the next operation is meant to begin. */
interface Schedule {
  readonly isOpen: boolean;
  /** The moment for a free caller's next operation, or null when there is none any more. */
  next(nowMs: number): number | null;
  neverBegun(): number;
}

function scheduleOf(plan: LoadPlan, startedAtMs: number, { signal }: LoadContext): Schedule {
  const endMs = startedAtMs + plan.seconds * 1000;
  if (plan.ratePerSecond === null) {
    const next = (nowMs: number) => (nowMs < endMs && signal?.aborted !== true ? nowMs : null);
    return { isOpen: false, next, neverBegun: () => 0 };
  }
  const catchUpMs = Math.min(plan.seconds, LONGEST_CATCH_UP_SECONDS) * 1000;
  const intervalMs = 1000 / plan.ratePerSecond;
  const planned = Math.ceil((plan.seconds * 1000) / intervalMs);
  let begun = 0;
  return {
    isOpen: true,
    next(nowMs) {
      const isOver = begun >= planned || nowMs > endMs + catchUpMs || signal?.aborted === true;
      return isOver ? null : startedAtMs + intervalMs * begun++;
    },
    neverBegun: () => planned - begun,
  };
}

async function runLane(
  lane: Lane,
  tasks: TaskSource,
  schedule: Schedule,
  { nowMs }: LoadContext,
  recorder: Recorder,
): Promise<void> {
  for (;;) {
    const intendedMs = schedule.next(nowMs());
    if (intendedMs === null) return;
    const earlyMs = intendedMs - nowMs();
    if (earlyMs > 0) await sleep(Math.ceil(earlyMs));
    // Made before the clock runs: what it costs is the client's own.
    const task = tasks.next();
    const begunMs = nowMs();
    try {
      const bytes = await lane.run(task);
      const endedMs = nowMs();
      // A closed loop has no plan that it could be behind of.
      const sinceMs = schedule.isOpen ? intendedMs : begunMs;
      recorder.recordOperation(task.operation, bytes, endedMs - sinceMs, endedMs - begunMs);
    } catch (error) {
      recorder.recordError(codeOf(error));
      await sleep(PAUSE_AFTER_ERROR_MS);
    }
  }
}
