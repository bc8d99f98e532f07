import { reposAllowed } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import type { Attribution } from '../audit/model.ts';
import { recordAudit } from '../audit/store.ts';
import { isObjectThere } from '../blobs/check-object.ts';
import type { Custody } from '../blobs/model.ts';
import { attachBlob, insertReference, isHeld, liveObject, lockLiveBlob } from '../blobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError } from '../kernel/errors.ts';
import { type Digest, EMPTY_DIGEST } from '../objects/digest.ts';
import { type ObjectKey, objectKey } from '../objects/keys.ts';
import { lockRepository, unknownRepository } from '../repositories/store.ts';
import { attribute, type Caller } from '../services.ts';
import { type UploadId, type UploadSession, uploadIdSchema } from './model.ts';
import { sessionEvent, type UploadServices } from './session.ts';
import { beginSession, insertDedupedSession, type NewSession } from './session-store.ts';

export interface UploadRequest {
  expectedDigest: Digest;
  expectedLengthBytes: number;
}

/** A session that waits for bytes, or one that needed none. */
export type CreatedUpload =
  | { kind: 'awaits_bytes'; session: UploadSession }
  | { kind: 'deduped'; uploadId: UploadId; repoKey: RepoKey; expiresAt: Date };

/**
 * Starts an upload session. Where the caller may already read a blob of this digest and length, or the blob is the one of no
 * bytes, the session is committed at once. Whether anybody else has it is not told.
 * @throws AppError `not_found` for the repository; `conflict` for one that takes no uploads; `bad_request` for a digest and a
 * length that can't belong together; `payload_too_large`.
 */
export async function createUpload(
  services: UploadServices,
  caller: Caller,
  repoKey: RepoKey,
  request: UploadRequest,
  options: { singleRequest: boolean },
): Promise<CreatedUpload> {
  checkLength(request, services.settings.maximumArtifactBytes);
  const attribution = attribute(services.clock, caller);
  const { tenantId, scopes } = caller.principal;
  const uploadId = uploadIdSchema.parse(services.ids.uuid());
  const expiresAt = new Date(attribution.at.getTime() + services.settings.uploadTtlSeconds * 1000);
  const session = { uploadId, tenantId, repoKey, ...request, expiresAt, ...options };
  const readable = reposAllowed(scopes, 'read');

  // Bytes that are held may be dropped before they are attached: then, and only then, there is a second round.
  for (const dedupeFrom of [readable, 'none'] as const) {
    const begun = await beginSession(
      services.db,
      attribution,
      { ...session, objectKey: objectKey(request.expectedDigest, uploadId) },
      request.expectedLengthBytes === 0 ? 'nothing needed' : dedupeFrom,
      sessionEvent('upload.session.created', session, { deduped: false, singleRequest: options.singleRequest }),
    );
    if (begun === undefined) return unknownRepository(repoKey);
    if (begun.repoType !== 'local') {
      throw new AppError('conflict', `"${repoKey}" is a ${begun.repoType} repository: only local ones take uploads.`);
    }
    if (begun.session !== undefined) return { kind: 'awaits_bytes', session: begun.session };
    if (await dedupe(services, attribution, session, readable))
      return { kind: 'deduped', uploadId, repoKey, expiresAt };
  }
  throw new Error('an upload that may not be deduplicated got no session');
}

/** Commits a session that needs no bytes. @returns false where they are not there after all: then they have to be sent. */
async function dedupe(
  services: UploadServices,
  attribution: Attribution,
  session: Omit<NewSession, 'objectKey'>,
  readable: '*' | readonly RepoKey[],
): Promise<boolean> {
  const { tenantId, expectedDigest: digest, expectedLengthBytes: lengthBytes } = session;
  let held: ObjectKey | undefined;
  if (lengthBytes > 0) {
    held = await liveObject(services.db, { tenantId, digest, lengthBytes });
    // The store is asked, since nobody would ever send again what we say is there.
    if (held === undefined || !(await isObjectThere(services, held, lengthBytes))) return false;
  }
  return await services.db.transaction((transaction) => attachHeld(transaction, attribution, session, readable, held));
}

/** @returns false where the bytes have gone since they were looked for. */
async function attachHeld(
  transaction: Queryable,
  attribution: Attribution,
  session: Omit<NewSession, 'objectKey'>,
  readable: '*' | readonly RepoKey[],
  held: ObjectKey | undefined,
): Promise<boolean> {
  const { tenantId, expectedDigest: digest, expectedLengthBytes: lengthBytes } = session;
  const blob = { tenantId, digest, lengthBytes };
  const { repoId } = await lockRepository(transaction, tenantId, session.repoKey, 'against deletion');
  const custody: Custody = { repoId, uploadId: session.uploadId, proof: 'deduped' };
  if (held === undefined) {
    await attachBlob(transaction, { ...blob, objectKey: null }, custody, attribution);
  } else {
    // Looked at again under the lock: a blob being condemned, or a reference being dropped, is not there any more.
    const stillHeld = (await lockLiveBlob(transaction, blob, held)) && (await isHeld(transaction, blob, readable));
    if (!stillHeld) return false;
    await insertReference(transaction, blob, custody, attribution);
  }
  await insertDedupedSession(transaction, attribution, session, repoId);
  await recordAudit(transaction, attribution, sessionEvent('upload.session.created', session, { deduped: true }));
  await recordAudit(
    transaction,
    attribution,
    sessionEvent('upload.committed', session, { deduped: true, proof: 'deduped' }),
  );
  return true;
}

function checkLength({ expectedDigest, expectedLengthBytes }: UploadRequest, maximumBytes: number): void {
  if ((expectedDigest === EMPTY_DIGEST) !== (expectedLengthBytes === 0)) {
    throw new AppError(
      'bad_request',
      `The digest ${expectedDigest} and the length ${expectedLengthBytes} can't belong together: length 0 and the digest of nothing go only with each other.`,
    );
  }
  if (expectedLengthBytes > maximumBytes) {
    throw new AppError('payload_too_large', `An artifact may have at most ${maximumBytes} bytes here.`);
  }
}
