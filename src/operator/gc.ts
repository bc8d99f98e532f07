import { runDueJobs } from '../jobs/run-due-jobs.ts';
import { NO_TRACER } from '../kernel/tracer.ts';
import type { Services } from '../services.ts';
import { sweepOverdueSessions } from '../uploads/sweep-overdue.ts';
import {
  type CondemnedBlob,
  hastenDeletions,
  type LeftOver,
  listCondemned,
  listDraining,
  sumLeftOvers,
} from './gc-store.ts';

export type GcServices = Pick<Services, 'db' | 'objects' | 'clock' | 'ids' | 'log' | 'settings'>;

export interface GcPlan {
  condemned: CondemnedBlob[];
  leftOvers: LeftOver;
  draining: { repoKey: string; references: number; bytes: number }[];
}

/** What would be freed, when and why. Changes nothing. */
export async function planCollection({ db }: Pick<GcServices, 'db'>): Promise<GcPlan> {
  return { condemned: await listCondemned(db), leftOvers: await sumLeftOvers(db), draining: await listDraining(db) };
}

/**
 * Does at once what the worker does by and by: ends overdue uploads, drops the references of deleted repositories, removes what is
 * due. With `ignoreDelay`, condemned blobs go now, also where a backup might still want them.
 */
export async function collect(
  services: GcServices,
  { ignoreDelay }: { ignoreDelay: boolean },
): Promise<{ expired: number; jobs: number }> {
  const expired = await sweepOverdueSessions(services);
  // Nobody scrapes a command.
  const unmeasured = { ...services, metrics: { observeJob: () => undefined }, tracer: NO_TRACER };
  let jobs = await runDueJobs(unmeasured);
  const hastened = ignoreDelay ? await hastenDeletions(services.db, services.clock.now()) : 0;
  if (hastened > 0) jobs += await runDueJobs(unmeasured);
  return { expired, jobs };
}
