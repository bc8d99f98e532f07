import type { TenantId } from '../access/model.ts';
import { AppError } from '../kernel/errors.ts';
import type { Services } from '../services.ts';
import { presentRow } from './present.ts';
import { proofIn, type RowProof } from './row-proof.ts';
import { findBatchOfRow, listRowsOf } from './sealing-store.ts';

/** What proves a row with a public key alone. @throws AppError `not_found`; `conflict` for a row that is not sealed yet. */
export async function proveRow(
  { db, settings }: Pick<Services, 'db' | 'settings'>,
  tenantId: TenantId,
  auditId: number,
): Promise<RowProof> {
  const batch = await findBatchOfRow(db, auditId);
  if (batch === null) {
    throw new AppError(
      'conflict',
      `This row is not sealed yet: ask again in ${settings.workerIntervalSeconds} seconds or so.`,
    );
  }
  const rows = batch === undefined ? [] : (await listRowsOf(db, batch)).map(presentRow);
  const isOfTenant = rows.some((row) => row.auditId === String(auditId) && row.tenantId === tenantId);
  const proof = batch && isOfTenant ? proofIn({ envelope: batch.checkpoint, rows }, String(auditId)) : undefined;
  if (proof === undefined) throw new AppError('not_found', `There is no audit row ${auditId}.`);
  return proof;
}
