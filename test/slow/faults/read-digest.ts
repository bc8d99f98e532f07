import { type Digest, digestSchema } from '../../../src/objects/digest.ts';
import type { ObjectKey } from '../../../src/objects/keys.ts';
import type { ObjectStore } from '../../../src/objects/object-store.ts';
import { readObject } from '../../objects/read-object.ts';
import { sha256 } from '../../support/uploading.ts';

/** Reads an object whole. */
export async function readDigest(
  objects: ObjectStore,
  { key, lengthBytes }: { key: ObjectKey; lengthBytes: number },
): Promise<Digest> {
  return digestSchema.parse(sha256(await readObject(objects, key, { start: 0, end: lengthBytes - 1 })));
}
