import { toTimestamp } from '../kernel/parse.ts';
import { jwkOf } from '../keys/model.ts';
import { listKeys } from '../keys/store.ts';
import type { Services } from '../services.ts';
import { listEpochsFrom } from './epoch-store.ts';
import { presentRow } from './present.ts';
import { listBatchesFrom, listRowsOf } from './sealing-store.ts';

/** The format of the export; a change that old verifiers would misread takes a new one. */
export const EXPORT_FORMAT = 'artifortress.audit/1';

const BATCHES_AT_ONCE = 100;

/**
 * The sealed trail as lines of JSON (NDJSON), oldest first: a header with the public keys, then of each batch its rows and its
 * checkpoint, then an end that says that nothing was cut off. Before the first batch of an epoch stands its statement. Rows that are not sealed yet are left out.
 */
export async function* exportAudit(
  { db, clock, signer }: Pick<Services, 'db' | 'clock' | 'signer'>,
  fromBatch: number,
): AsyncGenerator<string> {
  const keys = await listKeys(db);
  yield line({
    type: 'header',
    format: EXPORT_FORMAT,
    installation: signer.installationId,
    exportedAtUtc: toTimestamp(clock.now()),
    keys: keys.map(({ keyId, publicKey }) => ({ keyId, jwk: jwkOf(publicKey) })),
  });
  let next = fromBatch;
  for (;;) {
    // The batches first: an epoch is there before its batches are.
    const batches = await listBatchesFrom(db, next, BATCHES_AT_ONCE);
    const epochs = await listEpochsFrom(db, next);
    for (const batch of batches) {
      const opening = epochs.filter(({ afterBatch }) =>
        batch.batchNumber === fromBatch ? afterBatch < fromBatch : afterBatch === batch.batchNumber - 1,
      );
      yield opening.map(({ statement }) => line({ type: 'epoch', statement })).join('');
      const rows = await listRowsOf(db, batch);
      // Removed since the batches were listed, or before.
      const [now] = rows.length === 0 ? await listBatchesFrom(db, batch.batchNumber, 1) : [batch];
      const removal = now?.removal ?? undefined;
      yield rows.map((row) => line({ type: 'row', row: presentRow(row) })).join('');
      yield line({ type: 'checkpoint', checkpoint: batch.checkpoint, removal });
      next = batch.batchNumber + 1;
    }
    if (batches.length < BATCHES_AT_ONCE) break;
  }
  // Opened, and nothing sealed in them yet.
  const trailing = (await listEpochsFrom(db, next)).filter(
    ({ afterBatch }) => afterBatch === next - 1 && (next > fromBatch || fromBatch === 1),
  );
  yield trailing.map(({ statement }) => line({ type: 'epoch', statement })).join('');
  yield line({ type: 'end', nextBatch: next });
}

function line(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
