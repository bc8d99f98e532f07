import { setTimeout } from 'node:timers/promises';
import { removeOldAudit, sealAudit } from '../audit/seal.ts';
import { runDueJobs } from '../jobs/run-due-jobs.ts';
import { messageOf } from '../kernel/errors.ts';
import type { Services } from '../services.ts';
import { resumeVerifications } from '../uploads/resume-verifications.ts';
import { sweepOverdueSessions } from '../uploads/sweep-overdue.ts';
import { type Backlog, createBacklogMeter } from './backlog.ts';

export interface Worker {
  /** When the last round ended; undefined before. */
  roundAt(): Date | undefined;
  /** What is still to be done, as it was counted last; undefined before, and where other processes do the work. */
  backlog(): Backlog | undefined;
  /** Waits for the round in progress, does no further one. */
  stop(): Promise<void>;
}

/** What this process has noted and not written down yet, by what writing it is called. Done in every round, and once more at the end. */
export type OwnTasks = Readonly<Record<string, () => Promise<void>>>;

/** Runs what works by the clock, round after round: overdue sessions, due jobs, and what is this process's own. */
export function startWorker(services: Services, own: OwnTasks): Worker {
  const stopping = new AbortController();
  const { signal } = stopping;
  const intervalMs = services.settings.workerIntervalSeconds * 1000;
  const backlog = createBacklogMeter(services);
  let roundAt: Date | undefined;

  // Anybody's: one process of many is enough for it.
  const shared = {
    // Before the expiry: what is being verified is kept alive.
    'go on with verifications': () => resumeVerifications(services),
    'expire overdue uploads': () => sweepOverdueSessions(services, signal),
    'run due jobs': () => runDueJobs(services, signal),
    'seal the audit trail': () => sealAudit(services, signal),
    'remove old audit rows': () => removeOldAudit(services, signal),
    'measure the backlog': () => backlog.measure(),
  };
  const tasks = {
    ...(services.settings.worker ? shared : {}),
    ...own,
  };

  const loop = async (): Promise<void> => {
    while (!signal.aborted) {
      for (const [task, run] of Object.entries(tasks)) {
        // One task's failure, or the database's absence, must not keep the others from their next round.
        const startedAt = performance.now();
        const outcome = await run().then(
          () => 'done' as const,
          (error: unknown) => {
            services.log.warn({ task, error: messageOf(error) }, 'a round of the worker failed');
            return 'failed' as const;
          },
        );
        services.metrics.observeWorkerTask(task, outcome, performance.now() - startedAt);
      }
      roundAt = services.clock.now();
      await pause(intervalMs, signal);
    }
  };

  const running = loop();
  return {
    roundAt: () => roundAt,
    backlog: () => backlog.last(),
    async stop() {
      stopping.abort();
      await running;
      for (const [task, run] of Object.entries(own)) {
        await run().catch((error: unknown) =>
          services.log.warn({ task, error: messageOf(error) }, 'a last round of the worker failed'),
        );
      }
    },
  };
}

/** Ends early, without a failure, when asked to stop, also where that was asked before. Leaves no listener behind. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await setTimeout(milliseconds, undefined, { signal }).catch(() => undefined);
}
