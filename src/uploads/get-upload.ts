import type { RepoKey } from '../access/repo-key.ts';
import { isStoreError } from '../objects/errors.ts';
import type { StoredPart } from '../objects/object-store.ts';
import type { Caller } from '../services.ts';
import type { UploadId, UploadSession } from './model.ts';
import type { UploadServices } from './session.ts';
import { findSession } from './session-store.ts';

/** The session, and the parts that the store holds of it. */
export async function getUpload(
  services: UploadServices,
  caller: Caller,
  repoKey: RepoKey,
  uploadId: UploadId,
): Promise<{ session: UploadSession; parts: StoredPart[] }> {
  const session = await findSession(services.db, caller.principal.tenantId, repoKey, uploadId);
  return { session, parts: await partsOf(services, session) };
}

async function partsOf(services: UploadServices, session: UploadSession): Promise<StoredPart[]> {
  // An aborted session's bytes are gone, or going.
  if (session.state === 'aborted') return [];
  if (session.parts !== null) return session.parts;
  const { state, objectKey, multipartId } = session;
  if (state !== 'parts_uploading' || objectKey === null || multipartId === null) return [];
  try {
    return await services.objects.listParts(objectKey, multipartId);
  } catch (error) {
    // Ended between the two look-ups: then the store holds none.
    if (isStoreError(error, 'upload_gone')) return [];
    throw error;
  }
}
