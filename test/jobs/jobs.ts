import { sql } from 'kysely';
import type { TestServer } from '../support/test-server.ts';

export interface JobRow {
  jobId: number;
  kind: string;
  payload: Record<string, unknown>;
  attempts: number;
  runAt: Date;
  lastError: string | null;
}

/** The jobs that are there, oldest first. */
export async function jobsOf(server: TestServer): Promise<JobRow[]> {
  return await server.running.services.db.query(sql<JobRow>`
    select job_id as "jobId", kind, payload, attempts, run_at as "runAt", last_error as "lastError" from jobs order by job_id`);
}

/** Enqueues a job as it may stand there after an upgrade, a bug or a hand on the database. */
export async function addJob(server: TestServer, kind: string, payload: object): Promise<void> {
  const now = server.clock.now();
  await server.running.services.db.query(sql`
    insert into jobs (tenant_id, kind, payload, created_at, run_at)
    values ('default', ${kind}, ${JSON.stringify(payload)}::jsonb, ${now}, ${now})`);
}

/** Does something while the store refuses to remove anything. */
export async function whilePurgesFail(server: TestServer, work: () => Promise<void>): Promise<void> {
  const { services } = server.running;
  const { objects } = services;
  services.objects = { ...objects, purge: () => Promise.reject(new Error('the store is away')) };
  try {
    await work();
  } finally {
    services.objects = objects;
  }
}
