import { type RawBuilder, sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import type { Queryable } from '../kernel/database.ts';
import type { JobKind } from './model.ts';

export interface NewJob {
  tenantId: TenantId;
  kind: JobKind;
  runAt: Date;
  createdAt: Date;
}

/** A job as the part of a `with`: one for each row of the statement named `changed`. Jobs are rows of the change they belong to. */
export function jobInsert(job: NewJob, payload: RawBuilder<unknown>, changed: string): RawBuilder<unknown> {
  return sql`
    insert into jobs (tenant_id, kind, payload, created_at, run_at)
    select ${job.tenantId}::text, ${job.kind}::text, ${payload}, ${job.createdAt}::timestamptz, ${job.runAt}::timestamptz
    from ${sql.id(changed)}`;
}

/** Enqueues a job in the transaction of the change that it belongs to. */
export async function enqueueJob(
  transaction: Queryable,
  job: NewJob,
  payload: Readonly<Record<string, unknown>>,
): Promise<void> {
  await transaction.query(sql`
    insert into jobs (tenant_id, kind, payload, created_at, run_at)
    values (${job.tenantId}, ${job.kind}, ${JSON.stringify(payload)}::jsonb, ${job.createdAt}, ${job.runAt})`);
}

export interface TakenJob {
  jobId: number;
  tenantId: TenantId;
  kind: string;
  payload: unknown;
  attempts: number;
}

/** Takes due jobs, oldest first, for as long as the lease; other takers pass them by. */
export async function takeDueJobs(db: Queryable, now: Date, leaseUntil: Date, limit: number): Promise<TakenJob[]> {
  return await db.query(sql<TakenJob>`
    update jobs set run_at = ${leaseUntil}, attempts = attempts + 1
    where job_id in (
      select job_id from jobs where run_at <= ${now} order by run_at limit ${limit} for update skip locked
    )
    returning job_id as "jobId", tenant_id as "tenantId", kind, payload, attempts`);
}

export async function deleteJob(db: Queryable, jobId: number): Promise<void> {
  await db.query(sql`delete from jobs where job_id = ${jobId}`);
}

/** Puts a job off, with the payload that it is to go on with. */
export async function postponeJob(
  db: Queryable,
  jobId: number,
  runAt: Date,
  change: { payload: unknown; attempts: number; lastError: string | null },
): Promise<void> {
  await db.query(sql`
    update jobs set run_at = ${runAt}, payload = ${JSON.stringify(change.payload)}::jsonb, attempts = ${change.attempts},
      last_error = ${change.lastError}
    where job_id = ${jobId}`);
}
