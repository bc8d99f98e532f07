import { messageOf } from '../kernel/errors.ts';
import type { JobResult, Metrics } from '../metrics/metrics.ts';
import type { Services } from '../services.ts';
import { JOB_HANDLERS, type JobOutcome, type JobServices } from './handlers.ts';
import { JOB_PAYLOADS, type JobKind } from './model.ts';
import { deleteJob, postponeJob, type TakenJob, takeDueJobs } from './store.ts';

/** Jobs taken at once, and how long a crashed taker keeps them from others. */
const BATCH = 20;
const LEASE_MS = 10 * 60_000;

const BACKOFF_BASE_MS = 1_000;
const BACKOFF_MAXIMUM_MS = 15 * 60_000;

type RunServices = JobServices & Pick<Services, 'log' | 'tracer'> & { metrics: Pick<Metrics, 'observeJob'> };

/**
 * Runs the jobs that are due, until none is left or `signal` asks to stop. A job that fails is put off, longer each time, and never
 * given up: what it has to remove or to drop does not go away by itself.
 * @returns how many ran.
 */
export async function runDueJobs(
  services: RunServices,
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  let ran = 0;
  while (!signal.aborted) {
    const now = services.clock.now();
    const jobs = await takeDueJobs(services.db, now, new Date(now.getTime() + LEASE_MS), BATCH);
    if (jobs.length === 0) break;
    for (const job of jobs) await runJob(services, job);
    ran += jobs.length;
  }
  return ran;
}

async function runJob(services: RunServices, job: TakenJob): Promise<void> {
  const startedAt = performance.now();
  const observe = (result: JobResult): void => {
    const kind = isJobKind(job.kind) ? job.kind : 'unknown';
    services.metrics.observeJob(kind, result, performance.now() - startedAt);
  };
  try {
    const spanned = { 'artifortress.job.attempts': job.attempts };
    const outcome = await services.tracer.trace(`job ${job.kind}`, spanned, () => dispatch(services, job));
    if (outcome.kind === 'done') await deleteJob(services.db, job.jobId);
    else
      await postponeJob(services.db, job.jobId, outcome.runAt, {
        payload: outcome.payload,
        attempts: 0,
        lastError: null,
      });
    observe(outcome.kind);
  } catch (error) {
    observe('failed');
    const delayMs = Math.min(BACKOFF_BASE_MS * 2 ** Math.min(job.attempts, 20), BACKOFF_MAXIMUM_MS);
    const runAt = new Date(services.clock.now().getTime() + delayMs);
    services.log.warn(
      { jobId: job.jobId, kind: job.kind, attempts: job.attempts, retryAt: runAt, error: messageOf(error) },
      'a job failed and is put off',
    );
    const { payload, attempts } = job;
    await postponeJob(services.db, job.jobId, runAt, { payload, attempts, lastError: messageOf(error) });
  }
}

async function dispatch(services: JobServices, { kind, tenantId, payload }: TakenJob): Promise<JobOutcome> {
  if (!isJobKind(kind)) throw new Error(`this version knows no job of kind "${kind}"`);
  switch (kind) {
    case 'object.purge':
      return await JOB_HANDLERS[kind](services, tenantId, JOB_PAYLOADS[kind].parse(payload));
    case 'blob.delete':
      return await JOB_HANDLERS[kind](services, tenantId, JOB_PAYLOADS[kind].parse(payload));
    case 'repository.drain':
      return await JOB_HANDLERS[kind](services, tenantId, JOB_PAYLOADS[kind].parse(payload));
  }
}

function isJobKind(kind: string): kind is JobKind {
  return Object.hasOwn(JOB_PAYLOADS, kind);
}
