import { type RawBuilder, sql } from 'kysely';
import type { RepoKey } from '../access/repo-key.ts';
import { type Attribution, type AuditEvent, SYSTEM_ACTOR } from '../audit/model.ts';
import { auditInsert } from '../audit/store.ts';
import { jobInsert } from '../jobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import type { Digest } from '../objects/digest.ts';
import type { CompletedObject, MultipartId } from '../objects/object-store.ts';
import { TRANSITIONS, type Transition, type UploadSession } from './model.ts';
import { SESSION } from './session-store.ts';

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

/** What every end of a session sets: its moment, and that nobody verifies it any more. */
function ending({ at }: Attribution): RawBuilder<unknown> {
  return sql`ended_at = ${at}, verification_owner = null, verification_until = null`;
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
    set: sql`blob_digest = expected_digest, ${ending(attribution)}`,
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
      ${ending(attribution)}`,
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
    set: sql`abort_reason = ${reason}, ${ending(attribution)}`,
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
    set: sql`abort_reason = 'expired', ${ending(attribution)}`,
    where: sql`and expires_at <= ${attribution.at} and (verification_until is null or verification_until <= ${attribution.at})`,
    event,
    cleanup,
  });
}

/**
 * Ends every live session of a repository that is being deleted, each with its audit row and its clean-up.
 * @returns what their part URLs lead to.
 */
export async function abortSessionsOfRepository(
  transaction: Queryable,
  attribution: Attribution,
  repository: { repoId: number; repoKey: RepoKey },
  reason: string,
  cleanup: CleanupPlan,
): Promise<Pick<UploadSession, 'objectKey' | 'multipartId'>[]> {
  const event: AuditEvent = {
    action: 'upload.aborted',
    resourceId: '',
    repoKey: repository.repoKey,
    details: { reason },
  };
  return await transaction.query(sql<Pick<UploadSession, 'objectKey' | 'multipartId'>>`
    with s as (
      update upload_sessions
      set state = ${TRANSITIONS.deleteRepository.to}, updated_at = ${attribution.at}, abort_reason = ${reason},
        ${ending(attribution)}
      where repo_id = ${repository.repoId} and state = any(${TRANSITIONS.deleteRepository.from}::text[])
      returning *
    ), audited as (${auditInsert(attribution, event, 's', { resourceId: sql`s.upload_id::text` })}),
    cleaned as (${cleanupInsert(attribution, cleanup)})
    select object_key as "objectKey", multipart_id as "multipartId" from s where multipart_id is not null`);
}
