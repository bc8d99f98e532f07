import type { Queryable } from '../kernel/database.ts';
import { AppError } from '../kernel/errors.ts';
import { toTimestamp } from '../kernel/parse.ts';
import type { Services } from '../services.ts';
import { EPOCH_TYPE, type EpochStatement, encodeStatement, hashCheckpoint } from './checkpoint.ts';
import {
  type DatabaseHistory,
  type Epoch,
  findLastEpoch,
  insertEpoch,
  readHistory,
  tellsHistory,
} from './epoch-store.ts';
import { type AuditBatch, findLastBatch, tryLockSealing } from './sealing-store.ts';

type EpochServices = Pick<Services, 'clock' | 'signer'>;

/**
 * The epoch that the next batch belongs to. Where the database goes on on another history than the last epoch's, as after a restore,
 * that is a new one, opened whether or not there is anything to seal: the next export tells of it. The caller holds the lock of the sealing.
 */
export async function epochInForce(
  services: EpochServices,
  transaction: Queryable,
  previous: AuditBatch | undefined,
  history: DatabaseHistory | undefined,
): Promise<{ epoch: Epoch; isNew: boolean }> {
  const last = await findLastEpoch(transaction);
  if (last !== undefined && isSame(last, history)) return { epoch: last, isNew: false };
  const epoch = openEpoch(services, last, previous, history, {
    reason: last === undefined ? 'first' : 'database',
    note: null,
  });
  await insertEpoch(transaction, epoch);
  return { epoch, isNew: last !== undefined };
}

/** A server that does not tell its history is taken for the same as before. */
function isSame(last: Epoch, history: DatabaseHistory | undefined): boolean {
  return (
    history === undefined || (last.systemIdentifier === history.systemIdentifier && last.timeline === history.timeline)
  );
}

/** Opens an epoch by an operator's word. @throws AppError `conflict` where a batch is being sealed at this moment. */
export async function openDeclaredEpoch(services: EpochServices & Pick<Services, 'db'>, note: string): Promise<Epoch> {
  const hasHistory = await tellsHistory(services.db);
  return await services.db.transaction(async (transaction) => {
    if (!(await tryLockSealing(transaction))) {
      throw new AppError('conflict', 'The trail is being sealed at this moment: run it again.');
    }
    const [previous, history] = await Promise.all([
      findLastBatch(transaction),
      hasHistory ? readHistory(transaction) : undefined,
    ]);
    const { epoch: last } = await epochInForce(services, transaction, previous, history);
    const epoch = openEpoch(services, last, previous, history, { reason: 'declared', note });
    await insertEpoch(transaction, epoch);
    return epoch;
  });
}

/** @returns the epoch that follows `last`, to be inserted. */
function openEpoch(
  { clock, signer }: EpochServices,
  last: Epoch | undefined,
  previous: AuditBatch | undefined,
  history: DatabaseHistory | undefined,
  { reason, note }: Pick<EpochStatement, 'reason' | 'note'>,
): Epoch {
  const openedAt = clock.now();
  const number = (last?.epoch ?? 0) + 1;
  const afterBatch = previous?.batchNumber ?? 0;
  const payload = encodeStatement({
    installation: signer.installationId,
    epoch: number,
    previousEpoch: last?.statementSha256.toString('hex') ?? null,
    afterBatch,
    previousCheckpoint: previous?.checkpointSha256.toString('hex') ?? null,
    reason,
    note,
    database: history === undefined ? null : { systemIdentifier: history.systemIdentifier, timeline: history.timeline },
    openedAtUtc: toTimestamp(openedAt),
  });
  return {
    epoch: number,
    afterBatch,
    systemIdentifier: history?.systemIdentifier ?? null,
    timeline: history?.timeline ?? null,
    statement: signer.sign(EPOCH_TYPE, payload),
    statementSha256: hashCheckpoint(payload),
    openedAt,
  };
}
