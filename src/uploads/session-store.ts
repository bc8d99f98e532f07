import { sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import type { Attribution, AuditEvent } from '../audit/model.ts';
import { auditInsert } from '../audit/store.ts';
import { type DedupeFrom, heldBlob } from '../blobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';
import type { RepoType } from '../repositories/model.ts';
import { unknownRepository } from '../repositories/store.ts';
import type { UploadId, UploadSession, UploadState } from './model.ts';

/** The columns of a session; the table, or what an update of it returned, goes by `s`. */
export const SESSION = sql`
  s.upload_id as "uploadId", s.repo_id as "repoId", s.state, s.expected_digest as "expectedDigest",
  s.expected_length_bytes as "expectedLengthBytes", s.single_request as "singleRequest", s.deduped, s.created_at as "createdAt",
  s.created_by as "createdBy", s.expires_at as "expiresAt", s.updated_at as "updatedAt", s.object_key as "objectKey",
  s.multipart_id as "multipartId", s.checksummed, s.completed_at as "completedAt", s.parts,
  s.object_length_bytes as "objectLengthBytes", s.object_digest as "objectDigest",
  s.verification_until as "verificationUntil", s.abort_reason as "abortReason",
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

/** What an upload finds: the repository, and either its new session or that no bytes are needed. */
export interface BegunSession {
  repoType: RepoType;
  /** Whether a repository that the caller may read holds a live blob of this digest and length. */
  held: boolean;
  /** There where the repository takes uploads and the bytes are needed. */
  session: UploadSession | undefined;
}

/**
 * Starts the session of bytes to come, with its audit row, unless they are held already: one statement.
 * @returns undefined where there is no such repository.
 */
export async function beginSession(
  db: Queryable,
  attribution: Attribution,
  session: NewSession,
  readable: DedupeFrom,
  event: AuditEvent,
): Promise<BegunSession | undefined> {
  const state: UploadState = session.singleRequest ? 'parts_uploading' : 'initiated';
  const blob = { tenantId: session.tenantId, digest: session.expectedDigest, lengthBytes: session.expectedLengthBytes };
  const [row] = await db.query(sql<Partial<UploadSession> & { repoType: RepoType; held: boolean }>`
    with found as (
      select r.repo_id, r.repo_key, r.repo_type, ${heldBlob(blob, readable)} as held from repositories r
      where r.tenant_id = ${session.tenantId} and r.repo_key = ${session.repoKey} and r.deleted_at is null
      for key share of r
    ), s as (
      insert into upload_sessions (upload_id, tenant_id, repo_id, state, expected_digest, expected_length_bytes, single_request,
        created_at, created_by, expires_at, updated_at, object_key)
      select ${session.uploadId}::uuid, ${session.tenantId}::text, repo_id, ${state}::text, ${session.expectedDigest}::text,
        ${session.expectedLengthBytes}::bigint, ${session.singleRequest}::boolean, ${attribution.at}::timestamptz,
        ${attribution.actor}::text, ${session.expiresAt}::timestamptz, ${attribution.at}::timestamptz, ${session.objectKey}::text
      from found where repo_type = 'local' and not held
      returning *
    ), audited as (${auditInsert(attribution, event, 's')})
    select found.repo_type as "repoType", found.held, found.repo_key as "repoKey", ${SESSION}
    from found left join s on s.repo_id = found.repo_id`);
  if (row === undefined) return undefined;
  return { repoType: row.repoType, held: row.held, session: isSession(row) ? row : undefined };
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

/** Sessions past their time, longest first, for the sweep. */
export async function listOverdueSessions(
  db: Queryable,
  now: Date,
  limit: number,
): Promise<(UploadSession & { tenantId: TenantId })[]> {
  return await db.query(sql<UploadSession & { tenantId: TenantId }>`
    select ${SESSION}, r.repo_key as "repoKey", s.tenant_id as "tenantId" from upload_sessions s
    join repositories r using (repo_id)
    where s.ended_at is null and s.expires_at <= ${now}
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
