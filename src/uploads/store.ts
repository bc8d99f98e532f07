import { type RawBuilder, sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import { type Attribution, type AuditEvent, SYSTEM_ACTOR } from '../audit/model.ts';
import { auditInsert } from '../audit/store.ts';
import { jobInsert } from '../jobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';
import type { CompletedObject, MultipartId } from '../objects/object-store.ts';
import { unknownRepository } from '../repositories/store.ts';
import {
  LIVE_STATES,
  TRANSITIONS,
  type Transition,
  type UploadId,
  type UploadSession,
  type UploadState,
} from './model.ts';

const SESSION = sql`
  s.upload_id as "uploadId", s.repo_id as "repoId", s.state, s.expected_digest as "expectedDigest",
  s.expected_length_bytes as "expectedLengthBytes", s.single_request as "singleRequest", s.deduped, s.created_at as "createdAt",
  s.created_by as "createdBy", s.expires_at as "expiresAt", s.updated_at as "updatedAt", s.object_key as "objectKey",
  s.multipart_id as "multipartId", s.checksummed, s.completed_at as "completedAt", s.parts,
  s.object_length_bytes as "objectLengthBytes", s.object_digest as "objectDigest",
  s.verification_until as "verificationUntil", s.verified_bytes as "verifiedBytes", s.abort_reason as "abortReason",
  s.actual_digest as "actualDigest", s.actual_length_bytes as "actualLengthBytes", s.ended_at as "endedAt"`;

/** A session, found only under its own repository. @throws AppError `not_found` for the repository or the session. */
export async function findSession(
  db: Queryable,
  tenantId: TenantId,
  repoKey: RepoKey,
  uploadId: UploadId,
): Promise<UploadSession> {
  const [row] = await db.query(sql<Partial<UploadSession>>`
    select r.repo_key as "repoKey", ${SESSION} from repositories r
    left join upload_sessions s on s.repo_id = r.repo_id and s.upload_id = ${uploadId}
    where r.tenant_id = ${tenantId} and r.repo_key = ${repoKey} and r.deleted_at is null`);
  if (row === undefined) return unknownRepository(repoKey);
  if (!isSession(row)) throw new AppError('not_found', `There is no upload ${uploadId} in "${repoKey}".`);
  return row;
}

/** The left join answers nulls where the repository is there and the session isn't. */
function isSession(row: Partial<UploadSession>): row is UploadSession {
  return typeof row.uploadId === 'string';
}

export interface NewSession {
  uploadId: UploadId;
  tenantId: TenantId;
  repoKey: RepoKey;
  expectedDigest: Digest;
  expectedLengthBytes: number;
  objectKey: ObjectKey;
  /** One `PUT` of the whole: its bytes are on their way already. */
  singleRequest: boolean;
  expiresAt: Date;
}

/** The session of bytes to come, with its audit row; undefined where the repository was deleted meanwhile. */
export async function insertSession(
  db: Queryable,
  attribution: Attribution,
  session: NewSession,
  event: AuditEvent,
): Promise<UploadSession | undefined> {
  const state: UploadState = session.singleRequest ? 'parts_uploading' : 'initiated';
  const rows = await db.query(sql<UploadSession>`
    with repository as (
      select repo_id, repo_key from repositories
      where tenant_id = ${session.tenantId} and repo_key = ${session.repoKey} and deleted_at is null and repo_type = 'local'
      for key share
    ), s as (
      insert into upload_sessions (upload_id, tenant_id, repo_id, state, expected_digest, expected_length_bytes, single_request,
        created_at, created_by, expires_at, updated_at, object_key)
      select ${session.uploadId}::uuid, ${session.tenantId}::text, repo_id, ${state}::text, ${session.expectedDigest}::text,
        ${session.expectedLengthBytes}::bigint, ${session.singleRequest}::boolean, ${attribution.at}::timestamptz,
        ${attribution.actor}::text, ${session.expiresAt}::timestamptz, ${attribution.at}::timestamptz, ${session.objectKey}::text
      from repository
      returning *
    ), audited as (${auditInsert(attribution, event, 's')})
    select ${SESSION}, repository.repo_key as "repoKey" from s join repository using (repo_id)`);
  return rows[0];
}

/** The session of bytes that are there already: committed from the start. Its audit rows are the caller's to write. */
export async function insertDedupedSession(
  transaction: Queryable,
  attribution: Attribution,
  session: Pick<
    NewSession,
    'uploadId' | 'tenantId' | 'expectedDigest' | 'expectedLengthBytes' | 'expiresAt' | 'singleRequest'
  >,
  repoId: number,
): Promise<void> {
  const { at } = attribution;
  await transaction.query(sql`
    insert into upload_sessions (upload_id, tenant_id, repo_id, state, expected_digest, expected_length_bytes, single_request,
      deduped, created_at, created_by, expires_at, updated_at, blob_digest, ended_at)
    values (${session.uploadId}, ${session.tenantId}, ${repoId}, 'committed', ${session.expectedDigest},
      ${session.expectedLengthBytes}, ${session.singleRequest}, true, ${at}, ${attribution.actor}, ${session.expiresAt}, ${at},
      ${session.expectedDigest}, ${at})`);
}

/**
 * Moves one session along a legal transition, with its audit row and, where the bytes are no longer wanted, the job that removes
 * them: one statement, so all of it or nothing.
 * @returns the session as it is now; undefined where its state no longer allows it: somebody else was first.
 */
async function move(
  db: Queryable,
  attribution: Attribution,
  session: Pick<UploadSession, 'uploadId' | 'repoKey'>,
  transition: Transition,
  change: { set?: RawBuilder<unknown>; where?: RawBuilder<unknown>; event: AuditEvent; cleanup?: CleanupPlan },
): Promise<UploadSession | undefined> {
  const { from, to } = TRANSITIONS[transition];
  const cleanup =
    change.cleanup === undefined ? sql`` : sql`, cleaned as (${cleanupInsert(attribution, change.cleanup)})`;
  const set = change.set === undefined ? sql`` : sql`, ${change.set}`;
  const rows = await db.query(sql<UploadSession>`
    with s as (
      update upload_sessions set state = ${to}, updated_at = ${attribution.at} ${set}
      where upload_id = ${session.uploadId} and state = any(${from}::text[]) ${change.where ?? sql``}
      returning *
    ), audited as (${auditInsert(attribution, change.event, 's')}) ${cleanup}
    select ${SESSION}, ${session.repoKey}::text as "repoKey" from s`);
  return rows[0];
}

/** When the bytes of an ended session are removed, and when once more for what was still on its way. */
export interface CleanupPlan {
  firstAt: Date;
  againAt: Date;
}

/** One job for each row of `s`. */
function cleanupInsert(attribution: Attribution, plan: CleanupPlan): RawBuilder<unknown> {
  return jobInsert(
    { tenantId: attribution.tenantId, kind: 'object.purge', runAt: plan.firstAt, createdAt: attribution.at },
    sql`jsonb_build_object('objectKey', s.object_key, 'againAt', ${plan.againAt.toISOString()}::text)`,
    's',
  );
}

/** The first part request: remembers the store's multipart upload. Of two at once, one wins; the other gets undefined. */
export async function recordMultipart(
  db: Queryable,
  attribution: Attribution,
  session: UploadSession,
  multipart: { multipartId: MultipartId; checksummed: boolean },
  event: AuditEvent,
): Promise<UploadSession | undefined> {
  return await move(db, attribution, session, 'requestParts', {
    set: sql`multipart_id = ${multipart.multipartId}, checksummed = ${multipart.checksummed}`,
    where: sql`and multipart_id is null and not single_request`,
    event,
  });
}

/** A later part request. */
export async function recordPartRequest(
  db: Queryable,
  attribution: Attribution,
  session: UploadSession,
  event: AuditEvent,
): Promise<UploadSession | undefined> {
  return await move(db, attribution, session, 'requestParts', {
    where: sql`and multipart_id is not null`,
    event,
  });
}

export async function recordCompletion(
  db: Queryable,
  attribution: Attribution,
  session: UploadSession,
  object: CompletedObject,
  event: AuditEvent,
): Promise<UploadSession | undefined> {
  return await move(db, attribution, session, 'complete', {
    set: sql`completed_at = ${attribution.at}, parts = ${JSON.stringify(object.parts)}::jsonb,
      object_length_bytes = ${object.lengthBytes}, object_digest = ${object.sha256 ?? null}`,
    event,
  });
}

export async function recordCommit(
  transaction: Queryable,
  attribution: Attribution,
  session: UploadSession,
  event: AuditEvent,
): Promise<UploadSession | undefined> {
  return await move(transaction, attribution, session, 'commit', {
    set: sql`blob_digest = expected_digest, ended_at = ${attribution.at}, verification_owner = null, verification_until = null`,
    event,
  });
}

export async function recordMismatch(
  db: Queryable,
  attribution: Attribution,
  session: UploadSession,
  actual: { reason: string; digest: Digest | null; lengthBytes: number },
  event: AuditEvent,
  cleanup: CleanupPlan,
): Promise<UploadSession | undefined> {
  return await move(db, attribution, session, 'failVerification', {
    set: sql`abort_reason = ${actual.reason}, actual_digest = ${actual.digest}, actual_length_bytes = ${actual.lengthBytes},
      ended_at = ${attribution.at}, verification_owner = null, verification_until = null`,
    event,
    cleanup,
  });
}

export async function recordAbort(
  db: Queryable,
  attribution: Attribution,
  session: UploadSession,
  reason: string,
  event: AuditEvent,
  cleanup: CleanupPlan,
): Promise<UploadSession | undefined> {
  return await move(db, attribution, session, 'abort', {
    set: sql`abort_reason = ${reason}, ended_at = ${attribution.at}, verification_owner = null, verification_until = null`,
    event,
    cleanup,
  });
}

/** Aborts a session that is past its time and kept alive by no verification. */
export async function recordExpiry(
  db: Queryable,
  attribution: Attribution,
  session: UploadSession,
  event: AuditEvent,
  cleanup: CleanupPlan,
): Promise<UploadSession | undefined> {
  return await move(db, { ...attribution, actor: SYSTEM_ACTOR }, session, 'expire', {
    set: sql`abort_reason = 'expired', ended_at = ${attribution.at}, verification_owner = null, verification_until = null`,
    where: sql`and expires_at <= ${attribution.at} and (verification_until is null or verification_until <= ${attribution.at})`,
    event,
    cleanup,
  });
}

/** Sessions past their time, longest first, for the sweep. */
export async function listOverdueSessions(
  db: Queryable,
  now: Date,
  limit: number,
): Promise<(UploadSession & { tenantId: TenantId })[]> {
  return await db.query(sql<UploadSession & { tenantId: TenantId }>`
    select ${SESSION}, r.repo_key as "repoKey", s.tenant_id as "tenantId" from upload_sessions s
    join repositories r using (repo_id)
    where s.state in ('initiated', 'parts_uploading', 'pending_commit') and s.expires_at <= ${now}
      and (s.verification_until is null or s.verification_until <= ${now})
    order by s.expires_at
    limit ${limit}`);
}

/** Newest first; only those in one state where it is given. */
export async function listSessions(
  db: Queryable,
  repository: { repoId: number; repoKey: RepoKey },
  state: UploadState | undefined,
  before: string | undefined,
  limit: number,
): Promise<UploadSession[]> {
  return await db.query(sql<UploadSession>`
    select ${SESSION}, ${repository.repoKey}::text as "repoKey" from upload_sessions s
    where s.repo_id = ${repository.repoId} ${state === undefined ? sql`` : sql`and s.state = ${state}`}
      ${before === undefined ? sql`` : sql`and s.upload_id < ${before}::uuid`}
    order by s.upload_id desc
    limit ${limit}`);
}

/** Ends every live session of a repository that is being deleted, each with its audit row and its clean-up. */
export async function abortSessionsOfRepository(
  transaction: Queryable,
  attribution: Attribution,
  repository: { repoId: number; repoKey: RepoKey },
  reason: string,
  cleanup: CleanupPlan,
): Promise<void> {
  const event: AuditEvent = {
    action: 'upload.aborted',
    resourceId: '',
    repoKey: repository.repoKey,
    details: { reason },
  };
  await transaction.query(sql`
    with s as (
      update upload_sessions
      set state = ${TRANSITIONS.deleteRepository.to}, updated_at = ${attribution.at}, abort_reason = ${reason},
        ended_at = ${attribution.at}, verification_owner = null, verification_until = null
      where repo_id = ${repository.repoId} and state = any(${LIVE_STATES}::text[])
      returning *
    ), audited as (${auditInsert(attribution, event, 's', { resourceId: sql`s.upload_id::text` })}),
    cleaned as (${cleanupInsert(attribution, cleanup)})
    select`);
}

/** Whether the upload that a part belongs to still takes parts. */
export async function isTakingParts(
  db: Queryable,
  part: { uploadId: string; key: ObjectKey },
  now: Date,
): Promise<boolean> {
  const rows = await db.query(sql`
    select from upload_sessions
    where upload_id = ${part.uploadId}::uuid and object_key = ${part.key} and state = 'parts_uploading' and expires_at > ${now}`);
  return rows.length > 0;
}
