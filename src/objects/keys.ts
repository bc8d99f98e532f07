import { assert } from '../kernel/errors.ts';
import { type Branded, brand } from '../kernel/parse.ts';
import type { Digest } from './digest.ts';

/**
 * Where an object lies, in a bucket or under a folder. Keys are never reused: no commit overwrites, no delete can hit a live blob.
 *
 *     blobs/
 *       sha256/
 *         <first 2 hex of the digest>/
 *           <digest>/
 *             <uploadId>-<attempt>     one object an attempt to upload these bytes
 */
export type ObjectKey = Branded<string, 'ObjectKey'>;

const KEY_FORM = /^blobs\/sha256\/([0-9a-f]{2})\/(\1[0-9a-f]{62})\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-\d+$/;

export function objectKey(digest: Digest, uploadId: string, attempt = 1): ObjectKey {
  return brand<ObjectKey>(`blobs/sha256/${digest.slice(0, 2)}/${digest}/${uploadId}-${attempt}`);
}

/** The digest that the bytes under a key were declared to have. */
export function digestOfKey(key: ObjectKey): Digest {
  const [, , , digest] = key.split('/');
  assert(digest !== undefined, 'a key holds its digest');
  return brand<Digest>(digest);
}

/** The key in a text from outside, with what it tells; undefined for anything but a key of ours. */
export function parseObjectKey(text: string): { key: ObjectKey; digest: Digest; uploadId: string } | undefined {
  const [, , digest, uploadId] = KEY_FORM.exec(text) ?? [];
  if (digest === undefined || uploadId === undefined) return undefined;
  return { key: brand<ObjectKey>(text), digest: brand<Digest>(digest), uploadId };
}
