/**
 * What can go wrong with a store, whichever driver it is. Use cases decide by `kind`; what they let through is mapped once to an
 * answer, in `http/error-mapping.ts`.
 */
export type StoreErrorKind =
  /** The object isn't there. */
  | 'object_not_found'
  /** The store refuses our credentials, or the folder its permissions. */
  | 'access_denied'
  /** The store is away, too slow, or failed by itself. */
  | 'unavailable'
  /** No space is left. */
  | 'full'
  /** The range lies outside of the object. */
  | 'invalid_range'
  /** The bytes of a part are not those that its checksum promised. */
  | 'checksum_mismatch'
  /** The multipart upload was completed or aborted, or never was. */
  | 'upload_gone'
  /** A part named at completion is missing, has another ETag, or is too small. */
  | 'invalid_part'
  /** The body ended before, or went on after, its declared length. */
  | 'wrong_length';

export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

export function isStoreError(error: unknown, kind: StoreErrorKind): boolean {
  return error instanceof StoreError && error.kind === kind;
}
