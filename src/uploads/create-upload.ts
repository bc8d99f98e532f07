import { reposAllowed } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import { recordAudit } from '../audit/store.ts';
import { attachBlob, insertReference, lockLiveBlob, lookUpForUpload } from '../blobs/store.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError } from '../kernel/errors.ts';
import { type Digest, EMPTY_DIGEST } from '../objects/digest.ts';
import { objectKey } from '../objects/keys.ts';
import { lockRepository, unknownRepository } from '../repositories/store.ts';
import { attribute, type Caller } from '../services.ts';
import { type UploadId, type UploadSession, uploadIdSchema } from './model.ts';
import { sessionEvent, type UploadServices } from './session.ts';
import { insertDedupedSession, insertSession } from './store.ts';

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

  const blob = { tenantId, digest: request.expectedDigest, lengthBytes: request.expectedLengthBytes };
  const found = await lookUpForUpload(services.db, blob, repoKey, reposAllowed(scopes, 'read'));
  if (found === undefined) return unknownRepository(repoKey);
  if (found.repoType !== 'local') {
    throw new AppError('conflict', `"${repoKey}" is a ${found.repoType} repository: only local ones take uploads.`);
  }

  if (found.held || request.expectedLengthBytes === 0) {
    const deduped = await services.db.transaction(async (transaction) => {
      const repository = await lockRepository(transaction, tenantId, repoKey, 'against deletion');
      if (!(await attachHeldBlob(transaction))) return false;
      await insertDedupedSession(transaction, attribution, session, repository.repoId);
      await recordAudit(transaction, attribution, sessionEvent('upload.session.created', session, { deduped: true }));
      await recordAudit(
        transaction,
        attribution,
        sessionEvent('upload.committed', session, { deduped: true, proof: 'deduped' }),
      );
      return true;

      async function attachHeldBlob(transaction: Queryable): Promise<boolean> {
        if (request.expectedLengthBytes === 0) {
          await attachBlob(transaction, { ...blob, objectKey: null }, repository.repoId, attribution);
          return true;
        }
        // Looked at again under the lock: a blob being condemned, or a reference being dropped, is not there any more.
        if (!(await lockLiveBlob(transaction, blob))) return false;
        const again = await lookUpForUpload(transaction, blob, repoKey, reposAllowed(scopes, 'read'));
        if (again?.held !== true) return false;
        await insertReference(transaction, blob, repository.repoId, attribution);
        return true;
      }
    });
    if (deduped) return { kind: 'deduped', uploadId, repoKey, expiresAt };
  }

  const inserted = await insertSession(
    services.db,
    attribution,
    { ...session, objectKey: objectKey(request.expectedDigest, uploadId) },
    sessionEvent('upload.session.created', session, { deduped: false, singleRequest: options.singleRequest }),
  );
  return inserted === undefined ? unknownRepository(repoKey) : { kind: 'awaits_bytes', session: inserted };
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
