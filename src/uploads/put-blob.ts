import type { Readable } from 'node:stream';
import type { RepoKey } from '../access/repo-key.ts';
import type { Attribution } from '../audit/model.ts';
import type { StandingObject } from '../blobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import { assert, messageOf } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import { StoreError } from '../objects/errors.ts';
import { lockRepository } from '../repositories/store.ts';
import { attribute, type Caller } from '../services.ts';
import { acceptUpload, inTransaction, rejectUpload, verificationFailed } from './commit-upload.ts';
import { createUpload } from './create-upload.ts';
import { ABORT_REASONS, type UploadSession } from './model.ts';
import {
  cleanupPlan,
  refuseOverdue,
  refuseState,
  sessionEvent,
  type UploadServices,
  unlessMovedOn,
} from './session.ts';
import { findSession } from './session-store.ts';
import { recordAbort, recordCompletion } from './transition-store.ts';

/**
 * Uploads an artifact in one request: a session like any other, whose bytes pass through this process and are hashed on their way.
 * `body` is asked for only where bytes are needed, so that a client that waits for "100 Continue" sends none in vain.
 * @throws AppError `upload_verification_failed` for other bytes; `conflict` where its time was over before they were all there.
 * Whatever fails, nothing is visible and the bytes are removed.
 */
export async function putBlob(
  services: UploadServices,
  caller: Caller,
  repoKey: RepoKey,
  declared: { digest: Digest; lengthBytes: number },
  body: () => Readable,
): Promise<{ deduped: boolean }> {
  const request = { expectedDigest: declared.digest, expectedLengthBytes: declared.lengthBytes };
  const created = await createUpload(services, caller, repoKey, request, { singleRequest: true });
  if (created.kind === 'deduped') return { deduped: true };
  const { session } = created;
  const { objectKey } = session;
  assert(objectKey !== null, 'a session that awaits bytes has a key');
  let sha256: Digest;
  try {
    ({ sha256 } = await services.objects.put(objectKey, body(), declared.lengthBytes));
  } catch (error) {
    await giveUp(services, attribute(services.clock, caller), session, error);
    throw error;
  }
  await refuseOverdue(services, caller, session);
  const attribution = attribute(services.clock, caller);
  const concluded = await unlessMovedOn(services, caller, session, () =>
    sha256 === declared.digest
      ? inTransaction(services, session, (transaction, standing) => accept(transaction, attribution, session, standing))
      : reject(services, attribution, session, sha256),
  );
  if (concluded === undefined) await refuseUnlessCommitted(services, caller, session);
  return { deduped: false };
}

/** Complete and commit at once: both rows of the trail, one transaction, its statements sent together. */
async function accept(
  transaction: Queryable,
  attribution: Attribution,
  session: UploadSession,
  standing: StandingObject | undefined,
): Promise<UploadSession> {
  const [, , committed] = await Promise.all([
    lockRepository(transaction, attribution.tenantId, session.repoKey, 'against deletion'),
    complete(transaction, attribution, session, session.expectedDigest),
    acceptUpload(transaction, attribution, session, 'streamed', standing),
  ]);
  return committed;
}

/** @throws AppError `upload_verification_failed`. */
async function reject(services: UploadServices, attribution: Attribution, session: UploadSession, actual: Digest) {
  const completed = await complete(services.db, attribution, session, actual);
  const lengthBytes = session.expectedLengthBytes;
  return completed && (await rejectUpload(services, attribution, completed, { digest: actual, lengthBytes }));
}

async function complete(db: Queryable, attribution: Attribution, session: UploadSession, sha256: Digest) {
  const lengthBytes = session.expectedLengthBytes;
  const object = { lengthBytes, parts: [{ partNumber: 1, sizeBytes: lengthBytes, etag: sha256 }], sha256 };
  const event = sessionEvent('upload.completed', session, { partCount: 1, length: lengthBytes });
  return await recordCompletion(db, attribution, session, object, event);
}

/** Ends the session there and then. Where even that fails, it ends when its time is over. */
async function giveUp(
  services: UploadServices,
  attribution: Attribution,
  session: UploadSession,
  cause: unknown,
): Promise<void> {
  const reason = cause instanceof StoreError ? ABORT_REASONS.storeFailed : ABORT_REASONS.disconnected;
  const event = sessionEvent('upload.aborted', session, { state: session.state, reason, cause: messageOf(cause) });
  const plan = cleanupPlan(services.settings, attribution.at);
  await recordAbort(services.db, attribution, session, reason, event, plan).catch((error: unknown) => {
    services.log.warn(
      { uploadId: session.uploadId, error: messageOf(error) },
      'a failed upload could not be aborted yet',
    );
  });
}

/**
 * What became of the session that we did not see end: it is committed after all, where only the database's answer was lost; or other
 * bytes came; or expiry, an abort or the deletion of the repository was first.
 */
async function refuseUnlessCommitted(services: UploadServices, caller: Caller, session: UploadSession): Promise<void> {
  const ended = await findSession(services.db, caller.principal.tenantId, session.repoKey, session.uploadId);
  if (ended.state === 'committed') return;
  throw ended.actualLengthBytes === null ? refuseState(ended, 'be committed') : verificationFailed(ended);
}
