import { sql } from 'kysely';
import type { Queryable } from '../kernel/database.ts';
import type { Digest } from '../objects/digest.ts';

/** A blob that nothing refers to, on its way out. */
export interface CondemnedBlob {
  digest: Digest;
  lengthBytes: number;
  state: 'condemned' | 'deleting';
  condemnedAt: Date;
  /** When its job is due; null where it has none, which `fsck --repair` mends. */
  deletedAfter: Date | null;
  /** Why the last try failed. */
  lastError: string | null;
}

/** Every condemned blob, first those that go first. */
export async function listCondemned(db: Queryable): Promise<CondemnedBlob[]> {
  return await db.query(sql<CondemnedBlob>`
    select b.digest, b.length_bytes as "lengthBytes", b.state, b.condemned_at as "condemnedAt",
      j.run_at as "deletedAfter", j.last_error as "lastError"
    from blobs b
    left join lateral (
      select run_at, last_error from jobs
      where kind = 'blob.delete' and tenant_id = b.tenant_id and payload ->> 'digest' = b.digest
        and (payload ->> 'objectKey') is not distinct from b.object_key
      order by run_at limit 1
    ) j on true
    where b.state in ('condemned', 'deleting')
    order by j.run_at nulls last, b.digest`);
}

export interface LeftOver {
  /** Objects, whole or not, of ended uploads. */
  count: number;
  /** As declared: what has come of them may be less. */
  declaredBytes: number;
  oldestDueAt: Date | null;
}

/** What ended uploads left, and jobs will remove. */
export async function sumLeftOvers(db: Queryable): Promise<LeftOver> {
  const [row] = await db.query(sql<LeftOver>`
    select count(*) as count, coalesce(sum(s.expected_length_bytes), 0)::bigint as "declaredBytes", min(j.run_at) as "oldestDueAt"
    from jobs j
    left join upload_sessions s on s.object_key = j.payload ->> 'objectKey'
      and s.upload_id = substring(j.payload ->> 'objectKey' from '([0-9a-f-]{36})-[0-9]+$')::uuid
    where j.kind = 'object.purge'`);
  return row ?? { count: 0, declaredBytes: 0, oldestDueAt: null };
}

/** Repositories that are deleted and whose references are still being dropped. */
export async function listDraining(db: Queryable): Promise<{ repoKey: string; references: number; bytes: number }[]> {
  return await db.query(sql<{ repoKey: string; references: number; bytes: number }>`
    select r.repo_key as "repoKey", count(*) as references, coalesce(sum(br.length_bytes), 0)::bigint as bytes
    from repositories r join blob_references br using (repo_id)
    where r.deleted_at is not null
    group by r.repo_id, r.repo_key order by r.repo_key`);
}

/** Makes the deletion of every condemned blob due now. @returns how many there are. */
export async function hastenDeletions(db: Queryable, now: Date): Promise<number> {
  const rows = await db.query(sql`
    update jobs set run_at = ${now} where kind = 'blob.delete' and run_at > ${now} returning job_id`);
  return rows.length;
}
