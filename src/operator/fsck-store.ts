import { sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import type { Attribution } from '../audit/model.ts';
import { auditInsert, recordAudit } from '../audit/store.ts';
import { BLOB_TRANSITIONS, type BlobState } from '../blobs/model.ts';
import { jobInsert } from '../jobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';
import { LIVE_STATES } from '../uploads/model.ts';

/** A blob that stands on an object. */
export interface StoredBlob {
  tenantId: TenantId;
  digest: Digest;
  lengthBytes: number;
  state: BlobState;
  objectKey: ObjectKey;
  /** Whether a repository, deleted ones that are still being drained included, refers to it. */
  referenced: boolean;
  /** Whether a job will delete it. */
  awaitsDeletion: boolean;
  condemnedAt: Date | null;
}

/** Every blob with an object, in the order of their digests, from after `after` on. */
export async function listStoredBlobs(
  db: Queryable,
  after: { tenantId: TenantId; digest: Digest } | undefined,
  limit: number,
): Promise<StoredBlob[]> {
  return await db.query(sql<StoredBlob>`
    select b.tenant_id as "tenantId", b.digest, b.length_bytes as "lengthBytes", b.state, b.object_key as "objectKey",
      b.condemned_at as "condemnedAt",
      exists (select from blob_references br where br.tenant_id = b.tenant_id and br.digest = b.digest) as referenced,
      b.state in ('condemned', 'deleting') and exists (
        select from jobs j where j.kind = 'blob.delete' and j.tenant_id = b.tenant_id and j.payload ->> 'digest' = b.digest
          and j.payload ->> 'objectKey' = b.object_key
      ) as "awaitsDeletion"
    from blobs b
    where b.object_key is not null
      ${after === undefined ? sql`` : sql`and (b.tenant_id, b.digest) > (${after.tenantId}, ${after.digest})`}
    order by b.tenant_id, b.digest
    limit ${limit}`);
}

/** The state of a blob as long as it stands on this object. */
export async function stateOf(db: Queryable, blob: StoredBlob): Promise<BlobState | undefined> {
  const [row] = await db.query(sql<{ state: BlobState }>`
    select state from blobs
    where tenant_id = ${blob.tenantId} and digest = ${blob.digest} and object_key = ${blob.objectKey}`);
  return row?.state;
}

/** Who still has to do with an object or a multipart upload under a key. */
export type Holder = 'blob' | 'session' | 'job' | 'nobody';

/** @returns for each key, in their order, who holds it. */
export async function holdersOf(
  db: Queryable,
  keys: readonly { key: ObjectKey; uploadId: string; digest: string }[],
): Promise<Holder[]> {
  const rows = await db.query(sql<{ holder: Holder }>`
    select case
      when exists (select from blobs b where b.digest = k.digest and b.object_key = k.key) then 'blob'
      when exists (
        select from upload_sessions s
        where s.upload_id = k.upload_id::uuid and s.object_key = k.key and s.state = any(${LIVE_STATES}::text[])
      ) then 'session'
      when exists (select from jobs j where j.payload ->> 'objectKey' = k.key) then 'job'
      else 'nobody'
    end as holder
    from unnest(${keys.map(({ key }) => key)}::text[], ${keys.map(({ uploadId }) => uploadId)}::text[],
      ${keys.map(({ digest }) => digest)}::text[]) with ordinality as k (key, upload_id, digest, place)
    order by k.place`);
  return rows.map(({ holder }) => holder);
}

/** Moves a blob, as long as it stands on this object, and records the repair. @returns whether it did. */
export async function changeState(
  db: Queryable,
  by: Attribution,
  blob: StoredBlob,
  transition: 'damage' | 'mend',
  details: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const { from, to } = BLOB_TRANSITIONS[transition];
  const event = { action: 'fsck.repaired', resourceId: blob.digest, repoKey: null, details } as const;
  const rows = await db.query(sql`
    with changed as (
      update blobs set state = ${to}
      where tenant_id = ${blob.tenantId} and digest = ${blob.digest} and object_key = ${blob.objectKey}
        and state = any(${from}::text[])
      returning digest
    ), audited as (${auditInsert(by, event, 'changed')})
    select from changed`);
  return rows.length > 0;
}

/** Gives a condemned blob the deletion job that it has lost. */
export async function planDeletion(db: Queryable, by: Attribution, blob: StoredBlob, runAt: Date): Promise<void> {
  const details = { repair: 'deletion_planned', deletedAfterUtc: runAt.toISOString() };
  const event = { action: 'fsck.repaired', resourceId: blob.digest, repoKey: null, details } as const;
  const job = { tenantId: blob.tenantId, kind: 'blob.delete', runAt, createdAt: by.at } as const;
  await db.query(sql`
    with condemned as (
      select digest, object_key, condemned_at from blobs
      where tenant_id = ${blob.tenantId} and digest = ${blob.digest} and object_key = ${blob.objectKey}
        and state in ('condemned', 'deleting')
      for update
    ), audited as (${auditInsert(by, event, 'condemned')}),
    planned as (${jobInsert(
      job,
      sql`jsonb_build_object('digest', digest, 'objectKey', object_key,
        'condemnedAt', to_char(condemned_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`,
      'condemned',
    )})
    select`);
}

/** Records that bytes which nobody held were removed. */
export async function recordRemoval(db: Queryable, by: Attribution, key: ObjectKey, digest: string): Promise<void> {
  await recordAudit(db, by, {
    action: 'fsck.repaired',
    resourceId: digest,
    repoKey: null,
    details: { repair: 'orphan_removed', objectKey: key },
  });
}

/** The tenants whose trails there are. */
export async function firstTenant(db: Queryable): Promise<TenantId> {
  const [row] = await db.query(sql<{ tenantId: TenantId }>`
    select tenant_id as "tenantId" from tenants order by tenant_id limit 1`);
  if (row === undefined) throw new Error('an installation has at least one tenant');
  return row.tenantId;
}
