import type { RepoKey } from '../access/repo-key.ts';
import type { Attribution } from '../audit/model.ts';
import { recordAudit } from '../audit/store.ts';
import { isObjectThere } from '../blobs/check-object.ts';
import type { Proof } from '../blobs/model.ts';
import { attachBlob, type StandingObject } from '../blobs/store.ts';
import { enqueueJob } from '../jobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError, assert } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';
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
    const proved = await unlessMovedOn(services, caller, session, () => provedDigest(services, session));
    if (proved === undefined) return undefined;
    if (proved !== 'unknown') {
      return await unlessMovedOn(services, caller, session, () =>
        acceptOrReject(services, attribution, session, proved, 'store_checksum'),
      );
    }
    const progress = await unlessMovedOn(services, caller, session, () =>
      services.verifications.advance(attribution, session),
    );
    return progress === undefined ? undefined : { kind: 'verifying', session, progress };
  });
}

/**
 * The digest that is known without reading a byte back, told by one look-up: we hashed the one part ourselves as it came in, or the
 * store vouches that it is the declared one. What the store says of other bytes is for a full read to declare.
 */
async function provedDigest(services: UploadServices, session: UploadSession): Promise<Digest | 'unknown'> {
  const { objectKey, objectDigest, expectedDigest, expectedLengthBytes } = session;
  const onePart = session.parts?.length === 1;
  if (objectKey === null || !onePart || (session.checksummed !== true && objectDigest === null)) return 'unknown';
  const head = await services.objects.head(objectKey);
  if (head.lengthBytes !== expectedLengthBytes) return 'unknown';
  return objectDigest ?? (head.vouchesFor(expectedDigest) ? expectedDigest : 'unknown');
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
  const committed = await inTransaction(services, session, async (transaction, standing) => {
    const lock = lockRepository(transaction, attribution.tenantId, session.repoKey, 'against deletion');
    const [, accepted] = await Promise.all([lock, acceptUpload(transaction, attribution, session, proof, standing)]);
    return accepted;
  });
  return committed === undefined ? undefined : { kind: 'committed', session: committed };
}

/** Rolls a transaction back whose statements were all sent before it was known that the session has moved on. */
class SomebodyWasFirst extends Error {}

/** Rolls a transaction back that found its blob standing on an object that nobody has looked at yet. */
class UncheckedObject extends Error {
  readonly objectKey: ObjectKey;

  constructor(objectKey: ObjectKey) {
    super(`the object ${objectKey} has to be looked at`);
    this.objectKey = objectKey;
  }
}

/** A blob may move to yet another object between two looks; each time it does, somebody else has healed it. */
const MAXIMUM_LOOKS = 5;

/**
 * Runs what accepts an upload. Bytes that were just proved are given up for older ones only where the store says, outside of the
 * transaction, that it has those.
 * @returns undefined, with nothing changed, where somebody else moved the session first.
 */
export async function inTransaction<Result>(
  services: Pick<Services, 'db' | 'objects'>,
  session: UploadSession,
  work: (transaction: Queryable, standing: StandingObject | undefined) => Promise<Result>,
): Promise<Result | undefined> {
  let standing: StandingObject | undefined;
  for (let look = 0; ; look += 1) {
    try {
      return await services.db.transaction((transaction) => work(transaction, standing));
    } catch (error) {
      if (error instanceof SomebodyWasFirst) return undefined;
      if (!(error instanceof UncheckedObject) || look === MAXIMUM_LOOKS) throw error;
      const { objectKey } = error;
      standing = { objectKey, sound: await isObjectThere(services, objectKey, session.expectedLengthBytes) };
    }
  }
}

/**
 * What makes an artifact visible, in one transaction that holds the repository's lock: blob, reference, session, audit row and jobs,
 * or nothing of it. @throws SomebodyWasFirst where the session has moved on; UncheckedObject.
 */
export async function acceptUpload(
  transaction: Queryable,
  attribution: Attribution,
  session: UploadSession,
  proof: Proof,
  standing: StandingObject | undefined,
): Promise<UploadSession> {
  const { tenantId, at } = attribution;
  const event = sessionEvent('upload.committed', session, { deduped: false, proof });
  const blob = {
    tenantId,
    digest: session.expectedDigest,
    lengthBytes: session.expectedLengthBytes,
    objectKey: session.objectKey,
  };
  const [committed, attachment] = await Promise.all([
    recordCommit(transaction, attribution, session, event),
    attachBlob(transaction, blob, { repoId: session.repoId, uploadId: session.uploadId, proof }, attribution, standing),
  ]);
  if (committed === undefined) throw new SomebodyWasFirst();
  if (attachment.kind === 'unchecked') throw new UncheckedObject(attachment.objectKey);
  const { superfluousObject, replacedObject } = attachment;
  if (replacedObject !== null) {
    await recordAudit(transaction, attribution, {
      action: 'fsck.repaired',
      resourceId: blob.digest,
      repoKey: session.repoKey,
      details: { repair: 'object_replaced', lostObject: replacedObject, byUpload: session.uploadId },
    });
  }
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
