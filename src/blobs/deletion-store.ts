import { sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import { type Attribution, SYSTEM_ACTOR } from '../audit/model.ts';
import { auditInsert } from '../audit/store.ts';
import { jobInsert } from '../jobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';
import { BLOB_TRANSITIONS } from './model.ts';
import type { BlobName } from './store.ts';

/** Locks blobs, in order of their digests, so that no two transactions wait for each other. */
export async function lockBlobs(transaction: Queryable, tenantId: TenantId, digests: readonly Digest[]): Promise<void> {
  await transaction.query(sql`
    select from blobs where tenant_id = ${tenantId} and digest = any(${digests}::text[]) order by digest for update`);
}

/** Drops a repository's references to these blobs, which are locked, with an audit row each. @returns those that were there. */
export async function deleteReferences(
  transaction: Queryable,
  by: Attribution,
  repository: { repoId: number; repoKey: string },
  digests: readonly Digest[],
): Promise<Digest[]> {
  const event = { action: 'blob.reference.deleted', resourceId: '', repoKey: repository.repoKey, details: {} } as const;
  const rows = await transaction.query(sql<{ digest: Digest }>`
    with dropped as (
      delete from blob_references where repo_id = ${repository.repoId} and digest = any(${digests}::text[]) returning digest
    ), audited as (${auditInsert(by, event, 'dropped', { resourceId: sql`dropped.digest` })})
    select digest from dropped`);
  return rows.map((row) => row.digest);
}

/** The digests of some references of a repository. */
export async function someReferences(db: Queryable, repoId: number, limit: number): Promise<Digest[]> {
  const rows = await db.query(sql<{ digest: Digest }>`
    select digest from blob_references where repo_id = ${repoId} order by digest limit ${limit}`);
  return rows.map((row) => row.digest);
}

/** Condemns those of the blobs, which are locked, that nothing refers to any more, each with its audit row and its deletion job. */
export async function condemnUnreferenced(
  transaction: Queryable,
  by: Attribution,
  repoKey: string | null,
  digests: readonly Digest[],
  deleteAt: Date,
): Promise<void> {
  const event = {
    action: 'blob.condemned',
    resourceId: '',
    repoKey,
    details: { deletedAfterUtc: deleteAt.toISOString() },
  } as const;
  const job = { tenantId: by.tenantId, kind: 'blob.delete', runAt: deleteAt, createdAt: by.at } as const;
  await transaction.query(sql`
    with condemned as (
      update blobs b set state = ${BLOB_TRANSITIONS.condemn.to}, condemned_at = ${by.at}
      where b.tenant_id = ${by.tenantId} and b.digest = any(${digests}::text[])
        and b.state = any(${BLOB_TRANSITIONS.condemn.from}::text[])
        and not exists (select from blob_references br where br.tenant_id = b.tenant_id and br.digest = b.digest)
      returning b.digest, b.object_key
    ), audited as (${auditInsert(by, event, 'condemned', { resourceId: sql`condemned.digest` })}),
    planned as (${jobInsert(job, sql`jsonb_build_object('digest', digest, 'objectKey', object_key, 'condemnedAt', ${by.at.toISOString()}::text)`, 'condemned')})
    select`);
}

/**
 * Commits a condemned blob to its deletion, if nothing has happened to it since it was condemned: a blob that was revived and
 * condemned anew has a later job of its own. @returns whether its object may go.
 */
export async function markDeleting(
  transaction: Queryable,
  blob: BlobName,
  condemned: { objectKey: ObjectKey | null; at: Date },
): Promise<boolean> {
  await lockBlobs(transaction, blob.tenantId, [blob.digest]);
  const rows = await transaction.query(sql`
    update blobs b set state = ${BLOB_TRANSITIONS.delete.to}
    where b.tenant_id = ${blob.tenantId} and b.digest = ${blob.digest} and b.object_key is not distinct from ${condemned.objectKey}
      and b.condemned_at = ${condemned.at} and b.state = any(${BLOB_TRANSITIONS.delete.from}::text[])
      and not exists (select from blob_references br where br.tenant_id = b.tenant_id and br.digest = b.digest)
    returning true`);
  return rows.length > 0;
}

/** Forgets a blob whose object is gone, with the audit row, unless it was healed onto another object meanwhile. */
export async function deleteBlobRow(
  db: Queryable,
  blob: BlobName,
  objectKey: ObjectKey | null,
  at: Date,
): Promise<void> {
  const by: Attribution = { tenantId: blob.tenantId, actor: SYSTEM_ACTOR, requestId: null, at };
  const event = {
    action: 'blob.object.deleted',
    resourceId: blob.digest,
    repoKey: null,
    details: { objectKey },
  } as const;
  await db.query(sql`
    with deleted as (
      delete from blobs
      where tenant_id = ${blob.tenantId} and digest = ${blob.digest} and state = 'deleting'
        and object_key is not distinct from ${objectKey}
      returning digest
    ), audited as (${auditInsert(by, event, 'deleted')})
    select`);
}
