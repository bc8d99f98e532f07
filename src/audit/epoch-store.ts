import { sql } from 'kysely';
import type { Queryable } from '../kernel/database.ts';
import type { Envelope } from '../kernel/dsse.ts';

/** Which history of which database cluster: a restore and a promoted standby go on on another timeline. */
export interface DatabaseHistory {
  systemIdentifier: string;
  timeline: number;
}

export interface Epoch {
  epoch: number;
  afterBatch: number;
  systemIdentifier: string | null;
  timeline: number | null;
  statement: Envelope;
  statementSha256: Buffer;
  openedAt: Date;
}

const EPOCH = sql`epoch, after_batch as "afterBatch", system_identifier as "systemIdentifier", timeline, statement,
  statement_sha256 as "statementSha256", opened_at as "openedAt"`;

/** Whether this server tells its history to the product's user. */
export async function tellsHistory(db: Queryable): Promise<boolean> {
  const [row] = await db.query(sql<{ tells: boolean }>`
    select coalesce(has_function_privilege(to_regprocedure('pg_control_system()'), 'execute')
      and has_function_privilege(to_regprocedure('pg_walfile_name(pg_lsn)'), 'execute')
      and has_function_privilege(to_regprocedure('pg_current_wal_lsn()'), 'execute'), false) as tells`);
  return row?.tells === true;
}

export async function readHistory(db: Queryable): Promise<DatabaseHistory | undefined> {
  // The first eight characters of a segment's name are its timeline; what pg_control says of it is as old as the last checkpoint.
  const [row] = await db.query(sql<DatabaseHistory>`
    select system_identifier::text as "systemIdentifier",
      ('x' || lpad(left(pg_walfile_name(pg_current_wal_lsn()), 8), 16, '0'))::bit(64)::bigint as timeline
    from pg_control_system()`);
  return row;
}

export async function findLastEpoch(db: Queryable): Promise<Epoch | undefined> {
  const [epoch] = await db.query(sql<Epoch>`select ${EPOCH} from audit_epochs order by epoch desc limit 1`);
  return epoch;
}

export async function insertEpoch(transaction: Queryable, epoch: Epoch): Promise<void> {
  await transaction.query(sql`
    insert into audit_epochs (epoch, after_batch, system_identifier, timeline, statement, statement_sha256, opened_at)
    values (${epoch.epoch}, ${epoch.afterBatch}, ${epoch.systemIdentifier}, ${epoch.timeline},
      ${JSON.stringify(epoch.statement)}::jsonb, ${epoch.statementSha256}, ${epoch.openedAt})`);
}

/** The epochs from the one that the batch before this one belongs to on, oldest first. Few: one for each restore. */
export async function listEpochsFrom(db: Queryable, batchNumber: number): Promise<Epoch[]> {
  return await db.query(sql<Epoch>`
    select ${EPOCH} from audit_epochs
    where epoch >= coalesce((select max(epoch) from audit_epochs where after_batch < ${batchNumber - 1}), 1)
    order by epoch`);
}
