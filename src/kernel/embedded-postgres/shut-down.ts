import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.ts';

/** A postmaster, ours or a stray one. */
export interface Stoppable {
  signal(name: NodeJS.Signals): void;
  /** Whether it ended within that time. */
  goneWithin(limitMs: number): Promise<boolean>;
}

/**
 * Each signal ends the server more roughly than the one before (PostgreSQL, "Shutting Down the Server"), and gets its time:
 * fast rolls back what is open and writes a checkpoint; immediate leaves recovery to the next start, and PostgreSQL
 * itself kills a child that lags 5 s behind; what then lives is stuck in the kernel. None of them loses a commit.
 */
const SHUTDOWN_STEPS = [
  { signal: 'SIGINT', limitMs: 20_000 },
  { signal: 'SIGQUIT', limitMs: 8_000 },
  { signal: 'SIGKILL', limitMs: 5_000 },
] as const;

/** Stops a server as gently as it lets us. Throws only if it outlives SIGKILL. */
export async function shutDown(server: Stoppable, log: Logger): Promise<void> {
  for (const { signal, limitMs } of SHUTDOWN_STEPS) {
    server.signal(signal);
    if (await server.goneWithin(limitMs)) return;
    log.warn({ signal, limitMs }, 'the embedded PostgreSQL did not stop in time');
  }
  throw new Error(
    'The embedded PostgreSQL outlived SIGKILL: a process of it is stuck in the kernel, most likely on a dead disk or network drive.',
  );
}

/** Whether the promise settled within that time; leaves no timer behind. */
export async function settledWithin(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  const timer = new AbortController();
  const timeUp = sleep(limitMs, false, { signal: timer.signal }).catch(() => false);
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, timeUp]);
  } finally {
    timer.abort();
  }
}
