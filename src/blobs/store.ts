import { type RawBuilder, sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import type { Attribution } from '../audit/model.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';
import { unknownRepository } from '../repositories/store.ts';
import { BLOB_TRANSITIONS, type Blob, type BlobReference, type Custody, type Proof } from './model.ts';

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
  if (row.digest === null) throw notHeld(repoKey, digest);
  return { ...row, digest: row.digest };
}

/** How a blob came into a repository. */
export interface BlobOrigin {
  digest: Digest;
  lengthBytes: number;
  createdAt: Date;
  createdBy: string;
  /** Null where it is older than this was written down. */
  uploadId: string | null;
  proof: Proof | null;
}

/** @throws AppError `not_found` for the repository or the blob. */
export async function findOrigin(
  db: Queryable,
  tenantId: TenantId,
  repoKey: RepoKey,
  digest: Digest,
): Promise<BlobOrigin> {
  const blob = await findBlob(db, tenantId, repoKey, digest);
  const [origin] = await db.query(sql<Omit<BlobOrigin, 'digest' | 'lengthBytes'>>`
    select br.created_at as "createdAt", br.created_by as "createdBy", br.upload_id as "uploadId", br.proof
    from blob_references br join repositories r on r.repo_id = br.repo_id and r.deleted_at is null
    where r.tenant_id = ${tenantId} and r.repo_key = ${repoKey} and br.digest = ${digest}`);
  if (origin === undefined) throw notHeld(repoKey, digest);
  return { digest, lengthBytes: blob.lengthBytes, ...origin };
}

function notHeld(repoKey: RepoKey, digest: Digest): AppError {
  return new AppError('not_found', `"${repoKey}" holds no blob ${digest}.`);
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
    select br.reference_id as "referenceId", br.digest, br.length_bytes as "lengthBytes", br.created_at as "createdAt",
      br.created_by as "createdBy"
    from blob_references br
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

/** The object that a live blob of this digest and length stands on. */
export async function liveObject(
  db: Queryable,
  blob: BlobName & { lengthBytes: number },
): Promise<ObjectKey | undefined> {
  const [row] = await db.query(sql<{ objectKey: ObjectKey }>`
    select object_key as "objectKey" from blobs
    where tenant_id = ${blob.tenantId} and digest = ${blob.digest} and length_bytes = ${blob.lengthBytes} and state = 'live'`);
  return row?.objectKey;
}

/** Locks a live blob that stands on this object against condemnation until the transaction ends. @returns whether there is one. */
export async function lockLiveBlob(transaction: Queryable, blob: BlobName, objectKey: ObjectKey): Promise<boolean> {
  const rows = await transaction.query(sql`
    select from blobs
    where tenant_id = ${blob.tenantId} and digest = ${blob.digest} and object_key = ${objectKey} and state = 'live'
    for share`);
  return rows.length > 0;
}

export async function insertReference(
  transaction: Queryable,
  blob: BlobName & { lengthBytes: number },
  { repoId, uploadId, proof }: Custody,
  by: Attribution,
): Promise<void> {
  await transaction.query(sql`
    insert into blob_references (tenant_id, repo_id, digest, length_bytes, created_at, created_by, upload_id, proof)
    values (${blob.tenantId}, ${repoId}, ${blob.digest}, ${blob.lengthBytes}, ${by.at}, ${by.actor}, ${uploadId}, ${proof})
    on conflict (repo_id, digest) do nothing`);
}

/** An object that a blob stands on already, and whether the store was asked for it and has it whole. */
export interface StandingObject {
  objectKey: ObjectKey;
  sound: boolean;
}

/** What became of a verified object. */
export type Attachment =
  /** The object that is not needed any more: this one where the blob had a good one, else the one that it had. */
  | { kind: 'attached'; superfluousObject: ObjectKey | null; replacedObject: ObjectKey | null }
  /** The blob stands on another object. Nothing may be decided before that one was looked at. */
  | { kind: 'unchecked'; objectKey: ObjectKey };

/**
 * Makes a verified object a blob of the repository: a new blob, or one more reference to the one that is there. Locks the blob.
 * A condemned blob is revived; one that is damaged, deleting, or whose object is gone from now on stands on this object.
 * `standing` is what was found out about the object that the blob had.
 */
export async function attachBlob(
  transaction: Queryable,
  blob: BlobName & { lengthBytes: number; objectKey: ObjectKey | null },
  { repoId, uploadId, proof }: Custody,
  by: Attribution,
  standing?: StandingObject,
): Promise<Attachment> {
  const [row] = await transaction.query(sql<Omit<Blob, 'digest'> & { inserted: boolean }>`
    with blob as (
      insert into blobs (tenant_id, digest, length_bytes, state, object_key, created_at)
      values (${blob.tenantId}, ${blob.digest}, ${blob.lengthBytes}, 'live', ${blob.objectKey}, ${by.at})
      on conflict (tenant_id, digest) do update set digest = excluded.digest
      returning tenant_id, digest, length_bytes, state, object_key, xmax = 0 as inserted
    ), referred as (
      insert into blob_references (tenant_id, repo_id, digest, length_bytes, created_at, created_by, upload_id, proof)
      select tenant_id, ${repoId}, digest, length_bytes, ${by.at}::timestamptz, ${by.actor}::text, ${uploadId}::uuid, ${proof}::text from blob
      on conflict (repo_id, digest) do nothing
    )
    select length_bytes as "lengthBytes", state, object_key as "objectKey", inserted from blob`);
  if (row === undefined) throw new Error('an upsert returned no row');
  const attached = { kind: 'attached', superfluousObject: null, replacedObject: null } as const;
  if (row.inserted) return attached;
  if (row.state === 'live' || row.state === 'condemned') {
    if (row.objectKey !== null && row.objectKey !== standing?.objectKey) {
      return { kind: 'unchecked', objectKey: row.objectKey };
    }
    if (row.objectKey === null || standing?.sound === true) {
      if (row.state === 'condemned') await revive(transaction, blob);
      return { ...attached, superfluousObject: blob.objectKey };
    }
  }
  await transaction.query(sql`
    update blobs set state = ${BLOB_TRANSITIONS.heal.to}, condemned_at = null, object_key = ${blob.objectKey}
    where tenant_id = ${blob.tenantId} and digest = ${blob.digest}`);
  // The object of a deleting blob is gone or going, by the job that put the blob there.
  const superfluousObject = row.state === 'deleting' ? null : row.objectKey;
  return { ...attached, superfluousObject, replacedObject: superfluousObject };
}

async function revive(transaction: Queryable, blob: BlobName): Promise<void> {
  await transaction.query(sql`
    update blobs set state = ${BLOB_TRANSITIONS.revive.to}, condemned_at = null
    where tenant_id = ${blob.tenantId} and digest = ${blob.digest}`);
}
