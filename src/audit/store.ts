import { type RawBuilder, sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import type { Queryable } from '../kernel/database.ts';
import { type Attribution, AUDIT_ACTIONS, type AuditEvent, type AuditRow } from './model.ts';

const COLUMNS = sql`tenant_id, actor, action, resource_type, resource_id, repo_key, occurred_at, request_id, details`;

/**
 * The row of an event as a statement of its own, or, with `changed`, as the part of a `with` that writes a row for each row
 * that the statement named `changed` returned: no change without its row, no row without its change.
 * `overrides` take a column from `changed` where it differs from row to row.
 */
export function auditInsert(
  { tenantId, actor, requestId, at }: Attribution,
  event: AuditEvent,
  changed?: string,
  overrides: { resourceId?: RawBuilder<unknown>; repoKey?: RawBuilder<unknown>; details?: RawBuilder<unknown> } = {},
): RawBuilder<unknown> {
  const resourceId = overrides.resourceId ?? sql`${event.resourceId}::text`;
  const repoKey = overrides.repoKey ?? sql`${event.repoKey}::text`;
  const details = overrides.details ?? sql`${JSON.stringify(event.details)}::jsonb`;
  return sql`
    insert into audit_events (${COLUMNS})
    select ${tenantId}::text, ${actor}::text, ${event.action}::text, ${AUDIT_ACTIONS[event.action]}::text, ${resourceId},
      ${repoKey}, ${at}::timestamptz, ${requestId}::text, ${details}
    ${changed === undefined ? sql`` : sql`from ${sql.id(changed)}`}`;
}

/** Writes the row of an event. Only inside the transaction of the change that it records, or of its own for a denial. */
export async function recordAudit(transaction: Queryable, attribution: Attribution, event: AuditEvent): Promise<void> {
  await transaction.query(auditInsert(attribution, event));
}

export interface AuditFilter {
  action?: string | undefined;
  actor?: string | undefined;
  resourceType?: string | undefined;
  resourceId?: string | undefined;
  repoKey?: RepoKey | undefined;
  /** Inclusive. */
  since?: Date | undefined;
  /** Exclusive. */
  until?: Date | undefined;
}

/** A row of `audit_events`, as an {@link AuditRow}. */
export const AUDIT_ROW = sql`audit_id as "auditId", tenant_id as "tenantId", actor, action, resource_type as "resourceType",
  resource_id as "resourceId", repo_key as "repoKey", occurred_at as "occurredAt", request_id as "requestId", details`;

function filterConditions(tenantId: TenantId, filter: AuditFilter): RawBuilder<unknown>[] {
  return [
    sql`tenant_id = ${tenantId}`,
    ...(filter.action === undefined ? [] : [sql`action = ${filter.action}`]),
    ...(filter.actor === undefined ? [] : [sql`actor = ${filter.actor}`]),
    ...(filter.resourceType === undefined ? [] : [sql`resource_type = ${filter.resourceType}`]),
    ...(filter.resourceId === undefined ? [] : [sql`resource_id = ${filter.resourceId}`]),
    ...(filter.repoKey === undefined ? [] : [sql`repo_key = ${filter.repoKey}`]),
    ...(filter.since === undefined ? [] : [sql`occurred_at >= ${filter.since}`]),
    ...(filter.until === undefined ? [] : [sql`occurred_at < ${filter.until}`]),
  ];
}

/** A keyset page of the trail, newest first, of rows before the one numbered `before`. */
export async function listAuditRows(
  db: Queryable,
  tenantId: TenantId,
  filter: AuditFilter,
  before: number | undefined,
  limit: number,
): Promise<AuditRow[]> {
  const conditions = filterConditions(tenantId, filter);
  if (before !== undefined) conditions.push(sql`audit_id < ${before}`);
  return await db.query(sql<AuditRow>`
    select ${AUDIT_ROW}
    from audit_events
    where ${sql.join(conditions, sql` and `)}
    order by audit_id desc
    limit ${limit}`);
}

/**
 * A place in the trail as a follower reads it: by transaction, and by row within. A row's number alone is none, since a
 * transaction that was given a lower one may commit later.
 */
export interface AuditPosition {
  transactionId: string;
  auditId: number;
}

/** Every transaction below has ended: what it wrote to the trail is there, and nothing below will be added. */
export async function findSettledTransaction(db: Queryable): Promise<string> {
  const [row] = await db.query(sql<{ transactionId: string }>`
    select pg_snapshot_xmin(pg_current_snapshot())::text as "transactionId"`);
  if (row === undefined) throw new Error('a snapshot has an xmin');
  return row.transactionId;
}

/** Rows after a position, of transactions below `settled`, in the order in which followers read them. */
export async function listSettledRows(
  db: Queryable,
  tenantId: TenantId,
  filter: AuditFilter,
  { after, settled }: { after: AuditPosition; settled: string },
  limit: number,
): Promise<(AuditRow & AuditPosition)[]> {
  const conditions = filterConditions(tenantId, filter);
  return await db.query(sql<AuditRow & AuditPosition>`
    select ${AUDIT_ROW}, transaction_id::text as "transactionId"
    from audit_events
    where ${sql.join(conditions, sql` and `)} and transaction_id < ${settled}::xid8
      and (transaction_id, audit_id) > (${after.transactionId}::xid8, ${after.auditId}::bigint)
    order by transaction_id, audit_id
    limit ${limit}`);
}
