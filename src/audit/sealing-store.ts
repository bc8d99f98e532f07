import { sql } from 'kysely';
import type { Queryable } from '../kernel/database.ts';
import type { Envelope } from '../kernel/dsse.ts';
import type { AuditRow } from './model.ts';
import { AUDIT_ROW } from './store.ts';

/** Any constant of our own ("ARTISEAL" in ASCII): one process seals at a time, the others pass. */
const SEALING_LOCK_KEY = '4706351253556347212';

/** A sealed batch, as it stands in the chain. */
export interface AuditBatch {
  batchNumber: number;
  firstAuditId: number;
  lastAuditId: number;
  rowCount: number;
  checkpoint: Envelope;
  checkpointSha256: Buffer;
  sealedAt: Date;
  /** Where the rows were removed: the signed statement of that. */
  removal: Envelope | null;
}

const BATCH = sql`batch_number as "batchNumber", first_audit_id as "firstAuditId", last_audit_id as "lastAuditId",
  row_count as "rowCount", checkpoint, checkpoint_sha256 as "checkpointSha256", sealed_at as "sealedAt", removal`;

/** Until the transaction ends. @returns false where another process seals at this moment. */
export async function tryLockSealing(transaction: Queryable): Promise<boolean> {
  const [row] = await transaction.query(sql<{ locked: boolean }>`
    select pg_try_advisory_xact_lock(${SEALING_LOCK_KEY}::bigint) as locked`);
  return row?.locked === true;
}

export async function findLastBatch(db: Queryable): Promise<AuditBatch | undefined> {
  const [batch] = await db.query(
    sql<AuditBatch>`select ${BATCH} from audit_batches order by batch_number desc limit 1`,
  );
  return batch;
}

/** Committed rows that are in no batch yet, by their ids, whenever they were committed. */
export async function listUnsealedRows(db: Queryable, limit: number): Promise<AuditRow[]> {
  return await db.query(sql<AuditRow>`
    select ${AUDIT_ROW} from audit_events where batch_number is null order by audit_id limit ${limit}`);
}

export async function insertBatch(
  transaction: Queryable,
  batch: Omit<AuditBatch, 'removal'>,
  auditIds: readonly number[],
): Promise<void> {
  await Promise.all([
    transaction.query(sql`
      insert into audit_batches (batch_number, first_audit_id, last_audit_id, row_count, checkpoint, checkpoint_sha256, sealed_at)
      values (${batch.batchNumber}, ${batch.firstAuditId}, ${batch.lastAuditId}, ${batch.rowCount},
        ${JSON.stringify(batch.checkpoint)}::jsonb, ${batch.checkpointSha256}, ${batch.sealedAt})`),
    transaction.query(sql`
      update audit_events set batch_number = ${batch.batchNumber} where audit_id = any(${auditIds}::bigint[])`),
  ]);
}

/** Batches from this one on, in the order of the chain. */
export async function listBatchesFrom(db: Queryable, batchNumber: number, limit: number): Promise<AuditBatch[]> {
  return await db.query(sql<AuditBatch>`
    select ${BATCH} from audit_batches where batch_number >= ${batchNumber} order by batch_number limit ${limit}`);
}

/** Newest first, before this one. */
export async function listBatches(db: Queryable, before: number | undefined, limit: number): Promise<AuditBatch[]> {
  return await db.query(sql<AuditBatch>`
    select ${BATCH} from audit_batches
    ${before === undefined ? sql`` : sql`where batch_number < ${before}`}
    order by batch_number desc limit ${limit}`);
}

/** The rows of a batch, as the leaves of its tree stand. */
export async function listRowsOf(db: Queryable, batch: AuditBatch): Promise<AuditRow[]> {
  return await db.query(sql<AuditRow>`
    select ${AUDIT_ROW} from audit_events
    where audit_id between ${batch.firstAuditId} and ${batch.lastAuditId} and batch_number = ${batch.batchNumber}
    order by audit_id`);
}

/** The batch that a row is sealed in; null where it is not sealed yet, undefined where there is no such row. */
export async function findBatchOfRow(db: Queryable, auditId: number): Promise<AuditBatch | null | undefined> {
  const [row] = await db.query(sql<{ batchNumber: number | null }>`
    select batch_number as "batchNumber" from audit_events where audit_id = ${auditId}`);
  if (row === undefined || row.batchNumber === null) return row && null;
  const [batch] = await listBatchesFrom(db, row.batchNumber, 1);
  return batch;
}

/** The oldest batch that still has its rows, where all of them are older than this. */
export async function findBatchToRemove(db: Queryable, olderThan: Date): Promise<AuditBatch | undefined> {
  const [batch] = await db.query(sql<AuditBatch>`
    select ${BATCH} from audit_batches b
    where removal is null and sealed_at < ${olderThan}
    order by batch_number limit 1`);
  return batch;
}

/** Removes the rows of a batch and keeps its checkpoint. @returns false where somebody else did that first. */
export async function removeRows(transaction: Queryable, batch: AuditBatch, removal: Envelope): Promise<boolean> {
  const marked = await transaction.query(sql`
    update audit_batches set removal = ${JSON.stringify(removal)}::jsonb
    where batch_number = ${batch.batchNumber} and removal is null returning 1`);
  if (marked.length === 0) return false;
  await transaction.query(sql`
    delete from audit_events
    where audit_id between ${batch.firstAuditId} and ${batch.lastAuditId} and batch_number = ${batch.batchNumber}`);
  return true;
}
