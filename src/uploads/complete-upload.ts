import type { RepoKey } from '../access/repo-key.ts';
import { AppError, assert } from '../kernel/errors.ts';
import { StoreError } from '../objects/errors.ts';
import type { CompletedObject } from '../objects/object-store.ts';
import { attribute, type Caller } from '../services.ts';
import { TRANSITIONS, type UploadId, type UploadSession } from './model.ts';
import {
  refuseOverdue,
  refuseState,
  sessionEvent,
  type UploadServices,
  unlessMovedOn,
  withSession,
} from './session.ts';
import { recordCompletion } from './transition-store.ts';

/**
 * Lets the store make the object out of these parts, without copying a byte, and records what it made. Repeated, it answers the
 * same.
 * @throws AppError `conflict`, the state kept, for a part that is missing, has another ETag or is too small.
 */
export async function completeUpload(
  services: UploadServices,
  caller: Caller,
  repoKey: RepoKey,
  uploadId: UploadId,
  parts: readonly { partNumber: number; etag: string }[],
): Promise<UploadSession> {
  const inOrder = [...parts].sort((left, right) => left.partNumber - right.partNumber);
  return await withSession(services, caller, repoKey, uploadId, async (session) => {
    await refuseOverdue(services, caller, session);
    if (session.state === 'pending_commit') return session;
    const mayComplete = TRANSITIONS.complete.from.some((state) => state === session.state) && !session.singleRequest;
    if (!mayComplete) return refuseState(session, 'be completed');
    const object = await unlessMovedOn(services, caller, session, () => assemble(services, session, inOrder));
    if (object === undefined) return undefined;
    const details = { partCount: object.parts.length, length: object.lengthBytes };
    const event = sessionEvent('upload.completed', session, details);
    return await recordCompletion(services.db, attribute(services.clock, caller), session, object, event);
  });
}

async function assemble(
  services: UploadServices,
  { objectKey, multipartId }: UploadSession,
  parts: readonly { partNumber: number; etag: string }[],
): Promise<CompletedObject> {
  assert(objectKey !== null && multipartId !== null, 'a session that takes parts has a multipart upload');
  try {
    return await services.objects.completeMultipart(objectKey, multipartId, parts);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.kind === 'invalid_part') {
      throw new AppError(
        'conflict',
        `The upload can't be completed: ${error.message}. Upload that part again, or complete without it.`,
      );
    }
    throw error;
  }
}
