import type { RepoKey } from '../access/repo-key.ts';
import { AppError, assert } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import type { PartUrl } from '../objects/object-store.ts';
import { attribute, type Caller } from '../services.ts';
import { TRANSITIONS, type UploadId, type UploadSession } from './model.ts';
import { refuseOverdue, refuseState, sessionEvent, type UploadServices, withSession } from './session.ts';
import { findSession } from './session-store.ts';
import { recordMultipart, recordPartRequest } from './transition-store.ts';

export interface PartRequest {
  partNumber: number;
  sha256?: Digest | undefined;
  sizeBytes?: number | undefined;
}

export interface SignedPart extends PartUrl {
  partNumber: number;
}

/**
 * Signs a URL for each of the parts. The first request starts the store's multipart upload, and decides for the whole session
 * whether its parts carry checksums.
 * @throws AppError `bad_request` for checksums on some parts and not on others; `conflict` where the state takes no parts.
 */
export async function requestParts(
  services: UploadServices,
  caller: Caller,
  repoKey: RepoKey,
  uploadId: UploadId,
  parts: readonly PartRequest[],
): Promise<{ session: UploadSession; parts: SignedPart[] }> {
  const checksummed = parts.every((part) => part.sha256 !== undefined);
  if (!checksummed && parts.some((part) => part.sha256 !== undefined)) {
    throw new AppError('bad_request', 'Either every part of a request carries its sha256, or none does.');
  }
  const session = await withSession(services, caller, repoKey, uploadId, async (found) => {
    await refuseOverdue(services, caller, found);
    const takesParts = TRANSITIONS.requestParts.from.some((state) => state === found.state) && !found.singleRequest;
    if (!takesParts) return refuseState(found, 'take parts');
    if (found.checksummed !== null) checkMode(found.checksummed, checksummed);
    const attribution = attribute(services.clock, caller);
    const event = sessionEvent('upload.part.presigned', found, { partNumbers: parts.map((part) => part.partNumber) });
    return found.multipartId === null
      ? await startMultipart(services, attribution, found, checksummed, event)
      : await recordPartRequest(services.db, attribution, found, event);
  });
  return { session, parts: await Promise.all(parts.map((part) => sign(services, session, part))) };
}

function checkMode(sessionIsChecksummed: boolean, requestIsChecksummed: boolean): void {
  if (sessionIsChecksummed === requestIsChecksummed) return;
  throw new AppError(
    'bad_request',
    sessionIsChecksummed
      ? "The first part request of this session carried sha256, so every part's must."
      : 'The first part request of this session carried no sha256, so no part may: start a new session for checksums.',
  );
}

/**
 * The session's row, with the key, was there before the store was asked, so that a multipart upload whose id gets lost on the way
 * is found by its key when the session ends. Of two first requests at once, one is recorded; the other ends what it started.
 */
async function startMultipart(
  services: UploadServices,
  attribution: Parameters<typeof recordMultipart>[1],
  session: UploadSession,
  checksummed: boolean,
  event: Parameters<typeof recordMultipart>[4],
): Promise<UploadSession | undefined> {
  const key = session.objectKey;
  assert(key !== null, 'a session that awaits bytes has a key');
  const multipartId = await services.objects.createMultipart(key, { checksummed });
  const recorded = await recordMultipart(services.db, attribution, session, { multipartId, checksummed }, event);
  if (recorded !== undefined) return recorded;
  const winner = await findSession(services.db, attribution.tenantId, session.repoKey, session.uploadId);
  if (winner.multipartId !== multipartId) await services.objects.abortMultipart(key, multipartId);
  return undefined;
}

async function sign(services: UploadServices, session: UploadSession, part: PartRequest): Promise<SignedPart> {
  const { objectKey, multipartId } = session;
  assert(objectKey !== null && multipartId !== null, 'a session that takes parts has a multipart upload');
  const byUrl = services.clock.now().getTime() + services.settings.partUrlTtlSeconds * 1000;
  const expiresAt = new Date(Math.min(byUrl, session.expiresAt.getTime()));
  const signed = await services.objects.presignPart({ key: objectKey, multipartId, expiresAt, ...part });
  return { partNumber: part.partNumber, ...signed };
}
