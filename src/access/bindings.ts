import { z } from 'zod';
import { recordAudit } from '../audit/store.ts';
import { AppError } from '../kernel/errors.ts';
import { decodeCursor, type Page, type PageRequest, toPage } from '../kernel/page.ts';
import { toTimestamp } from '../kernel/parse.ts';
import { findRepository, lockRepository, unknownRepository } from '../repositories/store.ts';
import { attribute, type Caller, type Services } from '../services.ts';
import { type BindingRow, deleteBindingRow, listBindingRows, upsertBindingRow } from './binding-store.ts';
import { ROLES, type Role, roleSchema, type Subject } from './model.ts';
import type { RepoKey } from './repo-key.ts';

export const bindingSchema = z.object({
  repoKey: z.string(),
  subject: z.string(),
  roles: z.array(roleSchema),
  updatedAtUtc: z.string(),
});

export type Binding = z.input<typeof bindingSchema>;

function present(repoKey: RepoKey, row: BindingRow): Binding {
  return { repoKey, subject: row.subject, roles: row.roles, updatedAtUtc: toTimestamp(row.updatedAt) };
}

/** Binds exactly these roles to the subject, in place of those bound before. Derived scopes follow at once. */
export async function putBinding(
  services: Pick<Services, 'db' | 'clock'>,
  caller: Caller,
  repoKey: RepoKey,
  subject: Subject,
  roles: readonly Role[],
): Promise<Binding> {
  const { tenantId } = caller.principal;
  const attribution = attribute(services.clock, caller);
  const inOrder = ROLES.filter((role) => roles.includes(role));
  return await services.db.transaction(async (transaction) => {
    const { repoId } = await lockRepository(transaction, tenantId, repoKey, 'against deletion');
    const row = await upsertBindingRow(transaction, { tenantId, repoId, subject, roles: inOrder, by: attribution });
    await recordAudit(transaction, attribution, {
      action: 'repo.binding.upserted',
      resourceId: `${repoKey}/${subject}`,
      repoKey,
      details: { subject, roles: inOrder },
    });
    return present(repoKey, row);
  });
}

/** @throws AppError `not_found` where nothing is bound to the subject. */
export async function deleteBinding(
  services: Pick<Services, 'db' | 'clock'>,
  caller: Caller,
  repoKey: RepoKey,
  subject: Subject,
): Promise<{ repoKey: string; subject: string; status: 'deleted' }> {
  const { tenantId } = caller.principal;
  await services.db.transaction(async (transaction) => {
    const { repoId } = await lockRepository(transaction, tenantId, repoKey, 'against deletion');
    const deleted = await deleteBindingRow(transaction, repoId, subject);
    if (deleted === undefined) throw new AppError('not_found', `Nothing is bound to "${subject}" in "${repoKey}".`);
    await recordAudit(transaction, attribute(services.clock, caller), {
      action: 'repo.binding.deleted',
      resourceId: `${repoKey}/${subject}`,
      repoKey,
      details: { subject, roles: deleted.roles },
    });
  });
  return { repoKey, subject, status: 'deleted' };
}

/** Of two bindings changed at the same millisecond, the subject tells which comes first. */
const BINDING_CURSOR = /^(\d{1,15}):([^\p{Cc}\p{Cs}]{1,256})$/u;

/** A page of the bindings, those changed last first. */
export async function listBindings(
  services: Pick<Services, 'db'>,
  caller: Caller,
  repoKey: RepoKey,
  page: PageRequest,
): Promise<Page<Binding>> {
  const { tenantId } = caller.principal;
  const [, updatedMs, subject] = BINDING_CURSOR.exec(decodeCursor(page.cursor, BINDING_CURSOR) ?? '') ?? [];
  const before = subject === undefined ? undefined : { updatedAt: new Date(Number(updatedMs)), subject };
  const repository = (await findRepository(services.db, tenantId, repoKey)) ?? unknownRepository(repoKey);
  const rows = await listBindingRows(services.db, repository.repoId, before, page.limit + 1);
  const keyOf = (row: BindingRow) => `${row.updatedAt.getTime()}:${row.subject}`;
  return toPage(rows, page.limit, keyOf, (row) => present(repoKey, row));
}
