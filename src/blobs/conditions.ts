/** Entity tags as a header lists them (RFC 9110 §8.8.3); a weak one keeps its `W/`. */
const ENTITY_TAG = /(?:W\/)?"[^"]*"/g;

/** `If-None-Match` (RFC 9110 §13.1.2): true where the client has this representation already. Weak comparison. */
export function ifNoneMatchHits(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return (header.match(ENTITY_TAG) ?? []).some((tag) => tag.replace(/^W\//, '') === etag);
}

/**
 * `If-Range` (RFC 9110 §13.1.5): whether the `Range` still means this representation. Strong comparison: a weak tag never does,
 * nor does a date, since we give none out.
 */
export function ifRangeHolds(header: string | undefined, etag: string): boolean {
  return header === undefined || header.trim() === etag;
}
