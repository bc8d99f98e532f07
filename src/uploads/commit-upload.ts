import type { RepoKey } from '../access/repo-key.ts';
import type { Attribution } from '../audit/model.ts';
import { attachBlob } from '../blobs/store.ts';
import { enqueueJob } from '../jobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError, assert } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import { lockRepository } from '../repositories/store.ts';
import { attribute, type Caller, type Services } from '../services.ts';
import { ABORT_REASONS, TRANSITIONS, type UploadId, type UploadSession } from './model.ts';
import {
  cleanupPlan,
  refuseOverdue,
  refuseState,
  sessionEvent,
  type UploadServices,
  unlessMovedOn,
  withSession,
} from './session.ts';
import { recordCommit, recordMismatch } from './transition-store.ts';
import type { VerificationProgress } from './verifications.ts';

export type CommitServices = UploadServices & Pick<Services, 'verifications'>;

export type CommitOutcome =
  | { kind: 'committed'; session: UploadSession }
  | { kind: 'verifying'; session: UploadSession; progress: VerificationProgress };

/** How the digest was proved, for the audit row. */
export type Proof = 'store_checksum' | 'full_read' | 'streamed';

/**
 * Makes the uploaded object a blob of the repository, once its length and its digest are proved to be the declared ones. Repeated,
 * it answers the same, whatever it answered first.
 * @throws AppError `upload_verification_failed` where they differ; the session is aborted then and its bytes are removed.
 */
export async function commitUpload(
  services: CommitServices,
  caller: Caller,
  repoKey: RepoKey,
  uploadId: UploadId,
): Promise<CommitOutcome> {
  return await withSession(services, caller, repoKey, uploadId, async (session): Promise<CommitOutcome | undefined> => {
    if (session.state === 'committed') return { kind: 'committed', session };
    if (session.actualLengthBytes !== null) throw verificationFailed(session);
    await refuseOverdue(services, caller, session);
    if (!TRANSITIONS.commit.from.some((state) => state === session.state)) return refuseState(session, 'be committed');

    const attribution = attribute(services.clock, caller);
    const lengthBytes = session.objectLengthBytes;
    assert(lengthBytes !== null, 'a completed session knows the length of its object');
    if (lengthBytes !== session.expectedLengthBytes) {
      return await rejectUpload(services, attribution, session, { digest: null, lengthBytes });
    }
    if (session.objectDigest !== null) {
      return await acceptOrReject(services, attribution, session, session.objectDigest, 'store_checksum');
    }
    const progress = await unlessMovedOn(services, caller, session, () =>
      services.verifications.advance(attribution, session),
    );
    return progress === undefined ? undefined : { kind: 'verifying', session, progress };
  });
}

/** Commits or aborts a session whose digest is now known. @returns undefined where somebody else changed it first. */
export async function acceptOrReject(
  services: UploadServices,
  attribution: Attribution,
  session: UploadSession,
  actualDigest: Digest,
  proof: Proof,
): Promise<CommitOutcome | undefined> {
  const lengthBytes = session.expectedLengthBytes;
  if (actualDigest !== session.expectedDigest) {
    return await rejectUpload(services, attribution, session, { digest: actualDigest, lengthBytes });
  }
  const committed = await inTransaction(services, async (transaction) => {
    const lock = lockRepository(transaction, attribution.tenantId, session.repoKey, 'against deletion');
    const [, accepted] = await Promise.all([lock, acceptUpload(transaction, attribution, session, proof)]);
    return accepted;
  });
  return committed === undefined ? undefined : { kind: 'committed', session: committed };
}

/** Rolls a transaction back whose statements were all sent before it was known that the session has moved on. */
class SomebodyWasFirst extends Error {}

/** @returns undefined, with nothing changed, where somebody else moved the session first. */
export async function inTransaction<Result>(
  services: Pick<Services, 'db'>,
  work: (transaction: Queryable) => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await services.db.transaction(work);
  } catch (error) {
    if (error instanceof SomebodyWasFirst) return undefined;
    throw error;
  }
}

/**
 * What makes an artifact visible, in one transaction that holds the repository's lock: blob, reference, session, audit row and jobs,
 * or nothing of it. @throws SomebodyWasFirst where the session has moved on.
 */
export async function acceptUpload(
  transaction: Queryable,
  attribution: Attribution,
  session: UploadSession,
  proof: Proof,
): Promise<UploadSession> {
  const { tenantId, at } = attribution;
  const event = sessionEvent('upload.committed', session, { deduped: false, proof });
  const blob = {
    tenantId,
    digest: session.expectedDigest,
    lengthBytes: session.expectedLengthBytes,
    objectKey: session.objectKey,
  };
  const [committed, { superfluousObject }] = await Promise.all([
    recordCommit(transaction, attribution, session, event),
    attachBlob(transaction, blob, session.repoId, attribution),
  ]);
  if (committed === undefined) throw new SomebodyWasFirst();
  if (superfluousObject !== null) {
    const job = { tenantId, kind: 'object.purge', runAt: at, createdAt: at } as const;
    await enqueueJob(transaction, job, { objectKey: superfluousObject });
  }
  return committed;
}

export async function rejectUpload(
  services: UploadServices,
  attribution: Attribution,
  session: UploadSession,
  actual: { digest: Digest | null; lengthBytes: number },
): Promise<undefined> {
  const reason = actual.digest === null ? ABORT_REASONS.lengthMismatch : ABORT_REASONS.digestMismatch;
  const event = sessionEvent('upload.commit.verification_failed', session, {
    reason,
    actualDigest: actual.digest,
    actualLength: actual.lengthBytes,
  });
  const plan = cleanupPlan(services.settings, attribution.at);
  const aborted = await recordMismatch(services.db, attribution, session, { reason, ...actual }, event, plan);
  if (aborted !== undefined) throw verificationFailed(aborted);
  return undefined;
}

/** The answer to a mismatch, the same however often it is asked for. */
export function verificationFailed(session: UploadSession): AppError {
  const what = session.actualDigest === null ? 'length' : 'digest';
  return new AppError(
    'upload_verification_failed',
    `The uploaded bytes have another ${what} than was declared; nothing was committed and the upload is aborted. Start a new one.`,
    {
      fields: {
        expectedDigest: session.expectedDigest,
        actualDigest: session.actualDigest,
        expectedLength: session.expectedLengthBytes,
        actualLength: session.actualLengthBytes,
      },
    },
  );
}
