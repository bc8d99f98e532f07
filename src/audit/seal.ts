import type { Queryable } from '../kernel/database.ts';
import { rootOf } from '../kernel/merkle-tree.ts';
import { toTimestamp } from '../kernel/parse.ts';
import type { Services } from '../services.ts';
import { CHECKPOINT_TYPE, encodeStatement, hashCheckpoint, REMOVAL_TYPE } from './checkpoint.ts';
import { epochInForce } from './epoch.ts';
import { type Epoch, readHistory, tellsHistory } from './epoch-store.ts';
import type { AuditRow } from './model.ts';
import { leafOf, presentRow } from './present.ts';
import {
  findBatchToRemove,
  findLastBatch,
  insertBatch,
  listUnsealedRows,
  removeRows,
  tryLockSealing,
} from './sealing-store.ts';

export type SealingServices = Pick<Services, 'db' | 'clock' | 'signer' | 'settings' | 'log' | 'metrics'>;

/** Rows of one batch at the most: hashed in some milliseconds, and read whole for each proof. */
const MAXIMUM_BATCH_ROWS = 2000;

/** For callers that never stop. */
const NEVER: AbortSignal = new AbortController().signal;

const DAY_MS = 86_400_000;

/**
 * Seals what was committed since the last time, batch by batch: each is a transaction of its own, so that a crash leaves what was
 * sealed, and the next round goes on. No request waits for it. A row whose transaction commits late is in a later batch.
 * @returns how many rows were sealed.
 */
export async function sealAudit(services: SealingServices, signal: AbortSignal = NEVER): Promise<number> {
  let sealed = 0;
  const hasHistory = await tellsHistory(services.db);
  while (!signal.aborted) {
    const { rows, opened } = await services.db.transaction((transaction) =>
      sealBatch(services, transaction, hasHistory),
    );
    if (opened !== undefined) tellOf(services, opened);
    services.metrics.countAuditEvents(rows.map(({ action }) => action));
    sealed += rows.length;
    if (rows.length < MAXIMUM_BATCH_ROWS) break;
  }
  return sealed;
}

function tellOf({ log }: SealingServices, { epoch, afterBatch, timeline, systemIdentifier }: Epoch): void {
  log.warn(
    { epoch, afterBatch, timeline, systemIdentifier },
    'the database goes on on another history, as after a restore or a failover: the audit trail has opened a new epoch',
  );
}

interface Sealed {
  rows: readonly AuditRow[];
  /** An epoch other than the first, where one was opened. */
  opened?: Epoch | undefined;
}

async function sealBatch(services: SealingServices, transaction: Queryable, hasHistory: boolean): Promise<Sealed> {
  const { clock, signer } = services;
  if (!(await tryLockSealing(transaction))) return { rows: [] };
  const [previous, rows, history] = await Promise.all([
    findLastBatch(transaction),
    listUnsealedRows(transaction, MAXIMUM_BATCH_ROWS),
    hasHistory ? readHistory(transaction) : undefined,
  ]);
  const [first, last] = [rows[0], rows.at(-1)];
  const { epoch, isNew } = await epochInForce(services, transaction, previous, history);
  const opened = isNew ? epoch : undefined;
  if (first === undefined || last === undefined) return { rows: [], opened };
  const batchNumber = (previous?.batchNumber ?? 0) + 1;
  const sealedAt = clock.now();
  const payload = encodeStatement({
    installation: signer.installationId,
    batch: batchNumber,
    rows: rows.length,
    rootHash: rootOf(rows.map((row) => leafOf(presentRow(row)))).toString('hex'),
    previousCheckpoint: previous?.checkpointSha256.toString('hex') ?? null,
    epoch: epoch.statementSha256.toString('hex'),
    sealedAtUtc: toTimestamp(sealedAt),
  });
  const batch = {
    batchNumber,
    firstAuditId: first.auditId,
    lastAuditId: last.auditId,
    rowCount: rows.length,
    checkpoint: signer.sign(CHECKPOINT_TYPE, payload),
    checkpointSha256: hashCheckpoint(payload),
    sealedAt,
  };
  await insertBatch(
    transaction,
    batch,
    rows.map(({ auditId }) => auditId),
  );
  return { rows, opened };
}

/**
 * Removes the rows whose time is over (ARTIFORTRESS_AUDIT_RETENTION_DAYS), by whole batches, oldest first: the checkpoint stays, with a
 * signed statement of the removal, and so the chain stays provable. @returns how many batches.
 */
export async function removeOldAudit(services: SealingServices, signal: AbortSignal = NEVER): Promise<number> {
  const { db, clock, signer, settings } = services;
  if (settings.auditRetentionDays === undefined) return 0;
  const olderThan = new Date(clock.now().getTime() - settings.auditRetentionDays * DAY_MS);
  let removed = 0;
  while (!signal.aborted) {
    const batch = await findBatchToRemove(db, olderThan);
    if (batch === undefined) break;
    const statement = encodeStatement({
      installation: signer.installationId,
      batch: batch.batchNumber,
      checkpoint: batch.checkpointSha256.toString('hex'),
      removedAtUtc: toTimestamp(clock.now()),
    });
    const removal = signer.sign(REMOVAL_TYPE, statement);
    if (await db.transaction((transaction) => removeRows(transaction, batch, removal))) removed += 1;
  }
  return removed;
}
