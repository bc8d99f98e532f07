import { type RawBuilder, sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import { type Attribution, SYSTEM_ACTOR } from '../audit/model.ts';
import { auditInsert } from '../audit/store.ts';
import { jobInsert } from '../jobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';
import { unknownRepository } from '../repositories/store.ts';
import { BLOB_TRANSITIONS, type Blob, type BlobReference } from './model.ts';

/** A blob of a tenant. */
export interface BlobName {
  tenantId: TenantId;
  digest: Digest;
}

/** A blob, found only where the repository holds it. @throws AppError `not_found` for the repository or the blob. */
export async function findBlob(db: Queryable, tenantId: TenantId, repoKey: RepoKey, digest: Digest): Promise<Blob> {
  const [row] = await db.query(sql<Omit<Blob, 'digest'> & { digest: Digest | null }>`
    select b.digest, b.length_bytes as "lengthBytes", b.state, b.object_key as "objectKey"
    from repositories r
    left join blob_references br on br.repo_id = r.repo_id and br.digest = ${digest}
    left join blobs b on b.tenant_id = br.tenant_id and b.digest = br.digest
    where r.tenant_id = ${tenantId} and r.repo_key = ${repoKey} and r.deleted_at is null`);
  if (row === undefined) return unknownRepository(repoKey);
  if (row.digest === null) throw new AppError('not_found', `"${repoKey}" holds no blob ${digest}.`);
  return { ...row, digest: row.digest };
}

/** What a repository holds, newest first, of digests that start with `prefix`. */
export async function listReferences(
  db: Queryable,
  repoId: number,
  prefix: string | undefined,
  before: number | undefined,
  limit: number,
): Promise<BlobReference[]> {
  return await db.query(sql<BlobReference>`
    select br.reference_id as "referenceId", br.digest, b.length_bytes as "lengthBytes", br.created_at as "createdAt",
      br.created_by as "createdBy"
    from blob_references br
    join blobs b on b.tenant_id = br.tenant_id and b.digest = br.digest
    where br.repo_id = ${repoId}
      ${prefix === undefined ? sql`` : sql`and br.digest like ${`${prefix}%`}`}
      ${before === undefined ? sql`` : sql`and br.reference_id < ${before}`}
    order by br.reference_id desc
    limit ${limit}`);
}

/** Where bytes may be taken from: repositories, none at all, or, for the blob of nothing, thin air. */
export type DedupeFrom = '*' | readonly RepoKey[] | 'none' | 'nothing needed';

/** As a condition: whether a live blob of this digest and length is held by a repository that one may read. */
export function heldBlob(blob: BlobName & { lengthBytes: number }, readable: DedupeFrom): RawBuilder<boolean> {
  if (readable === 'none') return sql`false`;
  if (readable === 'nothing needed') return sql`true`;
  const mayRead = readable === '*' ? sql`` : sql`and holder.repo_key = any(${readable}::text[])`;
  return sql`exists (
    select from blobs b
    where b.tenant_id = ${blob.tenantId} and b.digest = ${blob.digest} and b.length_bytes = ${blob.lengthBytes}
      and b.state = 'live' and exists (
        select from blob_references br join repositories holder on holder.repo_id = br.repo_id and holder.deleted_at is null
        where br.tenant_id = b.tenant_id and br.digest = b.digest ${mayRead}
      )
  )`;
}

/** Looks again, under the lock of {@link lockLiveBlob}: a reference may have been dropped meanwhile. */
export async function isHeld(
  transaction: Queryable,
  blob: BlobName & { lengthBytes: number },
  readable: '*' | readonly RepoKey[],
): Promise<boolean> {
  const [row] = await transaction.query(sql<{ held: boolean }>`select ${heldBlob(blob, readable)} as held`);
  return row?.held === true;
}

/** Locks a live blob of this digest and length against condemnation until the transaction ends. @returns whether there is one. */
export async function lockLiveBlob(transaction: Queryable, blob: BlobName & { lengthBytes: number }): Promise<boolean> {
  const rows = await transaction.query(sql`
    select from blobs
    where tenant_id = ${blob.tenantId} and digest = ${blob.digest} and length_bytes = ${blob.lengthBytes} and state = 'live'
    for share`);
  return rows.length > 0;
}

export async function insertReference(
  transaction: Queryable,
  blob: BlobName,
  repoId: number,
  by: Attribution,
): Promise<void> {
  await transaction.query(sql`
    insert into blob_references (tenant_id, repo_id, digest, created_at, created_by)
    values (${blob.tenantId}, ${repoId}, ${blob.digest}, ${by.at}, ${by.actor})
    on conflict (repo_id, digest) do nothing`);
}

/**
 * Makes a verified object a blob of the repository: a new blob, or one more reference to the one that is there. Locks the blob.
 * A condemned blob is revived; a damaged or a deleting one from now on stands on this object.
 * @returns the object that is not needed any more, if there is one: this one where the blob had a good one, else the damaged one.
 */
export async function attachBlob(
  transaction: Queryable,
  blob: BlobName & { lengthBytes: number; objectKey: ObjectKey | null },
  repoId: number,
  by: Attribution,
): Promise<{ superfluousObject: ObjectKey | null }> {
  const [row] = await transaction.query(sql<Omit<Blob, 'digest'> & { inserted: boolean }>`
    with blob as (
      insert into blobs (tenant_id, digest, length_bytes, state, object_key, created_at)
      values (${blob.tenantId}, ${blob.digest}, ${blob.lengthBytes}, 'live', ${blob.objectKey}, ${by.at})
      on conflict (tenant_id, digest) do update set digest = excluded.digest
      returning tenant_id, digest, length_bytes, state, object_key, xmax = 0 as inserted
    ), referred as (
      insert into blob_references (tenant_id, repo_id, digest, created_at, created_by)
      select tenant_id, ${repoId}, digest, ${by.at}::timestamptz, ${by.actor}::text from blob
      on conflict (repo_id, digest) do nothing
    )
    select length_bytes as "lengthBytes", state, object_key as "objectKey", inserted from blob`);
  if (row === undefined) throw new Error('an upsert returned no row');
  if (row.inserted) return { superfluousObject: null };
  switch (row.state) {
    case 'live':
      return { superfluousObject: blob.objectKey };
    case 'condemned':
      await transaction.query(sql`
        update blobs set state = ${BLOB_TRANSITIONS.revive.to}, condemned_at = null
        where tenant_id = ${blob.tenantId} and digest = ${blob.digest}`);
      return { superfluousObject: blob.objectKey };
    case 'damaged':
    case 'deleting':
      await transaction.query(sql`
        update blobs set state = ${BLOB_TRANSITIONS.heal.to}, condemned_at = null, object_key = ${blob.objectKey}
        where tenant_id = ${blob.tenantId} and digest = ${blob.digest}`);
      // The object of a deleting blob is gone or going, by the job that put the blob there.
      return { superfluousObject: row.state === 'damaged' ? row.objectKey : null };
  }
}

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
  repoKey: string,
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
