import { sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import type { Queryable } from '../kernel/database.ts';
import { TRANSITIONS, type UploadId, type UploadSession } from './model.ts';
import { SESSION } from './session-store.ts';

/**
 * Takes the lease on the verification of a session, if nobody else holds it. One that this very process left behind, since the
 * database was away when it was to be given back, is taken at once: the caller is not at it any more.
 * @returns the fencing number, which grows with each lease; undefined where another one is at it or the session is past that.
 */
export async function takeLease(
  db: Queryable,
  uploadId: UploadId,
  owner: string,
  now: Date,
  until: Date,
): Promise<number | undefined> {
  const [row] = await db.query(sql<{ fence: number }>`
    update upload_sessions
    set verification_owner = ${owner}, verification_until = ${until}, verification_fence = verification_fence + 1,
      verified_bytes = 0
    where upload_id = ${uploadId} and state = any(${TRANSITIONS.commit.from}::text[])
      and (verification_until is null or verification_until <= ${now} or verification_owner = ${owner})
    returning verification_fence as fence`);
  return row?.fence;
}

/** How far the reading has come of whoever holds the lease; undefined where nobody does, since the session is past that or free. */
export async function readLease(db: Queryable, uploadId: UploadId): Promise<{ verifiedBytes: number } | undefined> {
  const [row] = await db.query(sql<{ verifiedBytes: number }>`
    select coalesce(verified_bytes, 0) as "verifiedBytes" from upload_sessions
    where upload_id = ${uploadId} and verification_until is not null`);
  return row;
}

/** Holds on to a lease and records how far the reading has come, unless another one has taken over. */
export async function renewLease(
  db: Queryable,
  uploadId: UploadId,
  fence: number,
  until: Date,
  verifiedBytes: number,
): Promise<void> {
  await db.query(sql`
    update upload_sessions set verification_until = ${until}, verified_bytes = ${verifiedBytes}
    where upload_id = ${uploadId} and verification_fence = ${fence} and verification_owner is not null`);
}

/** Sessions whose verification was begun and then left, since whoever was at it died: their leases ran out and were not given back. */
export async function listAbandonedVerifications(
  db: Queryable,
  now: Date,
  limit: number,
): Promise<(UploadSession & { tenantId: TenantId })[]> {
  return await db.query(sql<UploadSession & { tenantId: TenantId }>`
    select ${SESSION}, r.repo_key as "repoKey", s.tenant_id as "tenantId" from upload_sessions s
    join repositories r using (repo_id)
    where s.state = any(${TRANSITIONS.commit.from}::text[]) and s.verification_until <= ${now}
    order by s.verification_until
    limit ${limit}`);
}

/** Gives a lease back, so that the next commit can start at once. */
export async function releaseLease(db: Queryable, uploadId: UploadId, fence: number): Promise<void> {
  await db.query(sql`
    update upload_sessions set verification_owner = null, verification_until = null
    where upload_id = ${uploadId} and verification_fence = ${fence}`);
}
