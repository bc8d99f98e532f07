import { isStoreError } from '../objects/errors.ts';
import type { ObjectKey } from '../objects/keys.ts';
import type { Services } from '../services.ts';

/** Whether the store has this object, as long as it should be. Its bytes are not read. @throws StoreError where it can't be asked. */
export async function isObjectThere(
  services: Pick<Services, 'objects'>,
  objectKey: ObjectKey,
  lengthBytes: number,
): Promise<boolean> {
  try {
    return (await services.objects.head(objectKey)).lengthBytes === lengthBytes;
  } catch (error) {
    if (isStoreError(error, 'object_not_found')) return false;
    throw error;
  }
}
