import type { TenantId } from '../access/model.ts';
import type { Queryable } from '../kernel/database.ts';
import { decodeCursor, encodeCursor } from '../kernel/page.ts';
import type { AuditRow } from './model.ts';
import { type AuditFilter, type AuditPosition, findSettledTransaction, listSettledRows } from './store.ts';

/** `<transaction>.<row>`: a 64-bit number, and the number of a row. */
const POSITION = /^\d{1,19}\.\d{1,15}$/;
const BEGINNING: AuditPosition = { transactionId: '0', auditId: 0 };

/**
 * The rows after a cursor, oldest first, as far as they are settled: a page that was read stays as it was, so that whoever
 * goes on from its cursor misses nothing and sees nothing twice. Rows of transactions that still run come with a later page.
 */
export async function followAudit(
  db: Queryable,
  tenantId: TenantId,
  filter: AuditFilter,
  cursor: string | undefined,
  limit: number,
): Promise<{ rows: AuditRow[]; nextCursor: string }> {
  const given = parsePosition(cursor);
  // Taken before the rows are read: a transaction that ends in between comes with the next page.
  const settled = await findSettledTransaction(db);
  const end = { transactionId: settled, auditId: 0 };
  const startsAtEnd = given === undefined && filter.since === undefined && filter.until === undefined;
  const after = given ?? (startsAtEnd ? end : BEGINNING);
  const rows = await listSettledRows(db, tenantId, filter, { after, settled }, limit);
  const last = rows.length === limit ? rows.at(-1) : undefined;
  return { rows, nextCursor: formatPosition(last ?? later(after, end)) };
}

/** A cursor of another replica, whose snapshot was newer, is not turned back. */
function later(left: AuditPosition, right: AuditPosition): AuditPosition {
  return BigInt(left.transactionId) > BigInt(right.transactionId) ? left : right;
}

function parsePosition(cursor: string | undefined): AuditPosition | undefined {
  const [transactionId, auditId] = decodeCursor(cursor, POSITION)?.split('.') ?? [];
  return transactionId === undefined ? undefined : { transactionId, auditId: Number(auditId) };
}

function formatPosition({ transactionId, auditId }: AuditPosition): string {
  return encodeCursor(`${transactionId}.${auditId}`);
}
