import { sql } from 'kysely';
import type { Queryable } from '../kernel/database.ts';

/** Counted of each kind at the most, so that a count costs a bounded read of an index however many rows there are. */
export const COUNTED_ROWS = 10_000;

/** The age is that of the oldest, null where there is none. */
interface Counted {
  count: number;
  oldestAt: Date | null;
}

/** The predicate is the one of the index upload_sessions_overdue, which holds live sessions alone. */
export async function countLiveSessions(db: Queryable): Promise<{ state: string; count: number }[]> {
  return await db.query(sql<{ state: string; count: number }>`
    select state, count(*) from (
      select state from upload_sessions where ended_at is null
      order by expires_at limit ${COUNTED_ROWS}
    ) live group by state`);
}

export async function countDueJobs(db: Queryable, now: Date): Promise<Counted> {
  return await counted(
    db,
    sql`select run_at as at from jobs where run_at <= ${now} order by run_at limit ${COUNTED_ROWS}`,
  );
}

export async function countUnsealedRows(db: Queryable): Promise<Counted> {
  return await counted(
    db,
    sql`select occurred_at as at from audit_events where batch_number is null order by audit_id limit ${COUNTED_ROWS}`,
  );
}

/** How the archiving of PostgreSQL's log goes. */
export interface WalArchiving {
  /** Attempts that failed, since the statistics of the database were last reset. */
  failures: number;
  /** Of the last segment; null before the first one. */
  archivedAt: Date | null;
}

/** @returns undefined where PostgreSQL archives nothing. */
export async function readWalArchiving(db: Queryable): Promise<WalArchiving | undefined> {
  const [row] = await db.query(sql<WalArchiving>`
    select failed_count as failures, last_archived_time as "archivedAt" from pg_stat_archiver
    where current_setting('archive_mode') <> 'off'`);
  return row;
}

async function counted(db: Queryable, rows: ReturnType<typeof sql>): Promise<Counted> {
  const [row] = await db.query(sql<Counted>`select count(*) as count, min(at) as "oldestAt" from (${rows}) counted`);
  return row ?? { count: 0, oldestAt: null };
}

/** For the rest of the transaction. */
export async function boundStatements(transaction: Queryable, timeoutMs: number): Promise<void> {
  await transaction.query(sql`select set_config('statement_timeout', ${String(timeoutMs)}, true)`);
}
