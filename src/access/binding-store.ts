import { sql } from 'kysely';
import type { Queryable } from '../kernel/database.ts';
import type { Role, Subject, TenantId } from './model.ts';

export interface BindingRow {
  subject: Subject;
  roles: Role[];
  updatedAt: Date;
}

const BINDING = sql`subject, roles, updated_at as "updatedAt"`;

export async function upsertBindingRow(
  transaction: Queryable,
  binding: {
    tenantId: TenantId;
    repoId: number;
    subject: Subject;
    roles: readonly Role[];
    by: { actor: string; at: Date };
  },
): Promise<BindingRow> {
  const { tenantId, repoId, subject, roles, by } = binding;
  const [row] = await transaction.query(sql<BindingRow>`
    insert into role_bindings (tenant_id, repo_id, subject, roles, updated_at, updated_by)
    values (${tenantId}, ${repoId}, ${subject}, ${roles}::text[], ${by.at}, ${by.actor})
    on conflict (repo_id, subject) do update
      set roles = excluded.roles, updated_at = excluded.updated_at, updated_by = excluded.updated_by
    returning ${BINDING}`);
  if (row === undefined) throw new Error('an upsert returned no row');
  return row;
}

export async function deleteBindingRow(
  transaction: Queryable,
  repoId: number,
  subject: Subject,
): Promise<BindingRow | undefined> {
  const rows = await transaction.query(sql<BindingRow>`
    delete from role_bindings where repo_id = ${repoId} and subject = ${subject} returning ${BINDING}`);
  return rows[0];
}

/** Those changed last first. */
export async function listBindingRows(
  db: Queryable,
  repoId: number,
  before: { updatedAt: Date; subject: string } | undefined,
  limit: number,
): Promise<BindingRow[]> {
  return await db.query(sql<BindingRow>`
    select ${BINDING} from role_bindings
    where repo_id = ${repoId}
      ${before === undefined ? sql`` : sql`and (updated_at, subject) < (${before.updatedAt}::timestamptz, ${before.subject}::text)`}
    order by updated_at desc, subject desc
    limit ${limit}`);
}
