import { StoreError, type StoreErrorKind } from '../errors.ts';

/** Error codes of S3, and of the servers that speak it, by what they mean to us. */
const KIND_BY_NAME: Readonly<Record<string, StoreErrorKind>> = {
  NoSuchKey: 'object_not_found',
  NotFound: 'object_not_found',
  NoSuchUpload: 'upload_gone',
  InvalidPart: 'invalid_part',
  InvalidPartOrder: 'invalid_part',
  EntityTooSmall: 'invalid_part',
  InvalidRange: 'invalid_range',
  BadDigest: 'checksum_mismatch',
  XAmzContentChecksumMismatch: 'checksum_mismatch',
  AccessDenied: 'access_denied',
  InvalidAccessKeyId: 'access_denied',
  SignatureDoesNotMatch: 'access_denied',
  ExpiredToken: 'access_denied',
  InvalidToken: 'access_denied',
  CredentialsProviderError: 'access_denied',
  QuotaExceeded: 'full',
  InsufficientStorage: 'full',
  XMinioStorageFull: 'full',
  XMinioAdminBucketQuotaExceeded: 'full',
  NoSuchBucket: 'unavailable',
};

const KIND_BY_STATUS: Readonly<Record<number, StoreErrorKind>> = {
  401: 'access_denied',
  403: 'access_denied',
  404: 'object_not_found',
  416: 'invalid_range',
  507: 'full',
};

/** A precondition of a call did not hold: somebody was there first. */
export function isPreconditionFailed(error: unknown): boolean {
  return statusOf(error) === 412 || nameOf(error) === 'PreconditionFailed';
}

/** Whatever a call to S3 failed by, as the store's own failure; what fits nothing is the store's being unavailable. */
export function toStoreError(error: unknown, what: string): StoreError {
  if (error instanceof StoreError) return error;
  const name = nameOf(error);
  const status = statusOf(error);
  const kind = KIND_BY_NAME[name] ?? (status === undefined ? undefined : KIND_BY_STATUS[status]) ?? 'unavailable';
  const detail = error instanceof Error ? error.message : String(error);
  return new StoreError(kind, `${what}: ${name}${status === undefined ? '' : ` (${status})`}: ${detail}`, error);
}

/** A missing key is no answer to a call that names none of its own. */
export function storeFailure(error: unknown, what: string): StoreError {
  const failure = toStoreError(error, what);
  return failure.kind === 'object_not_found' ? new StoreError('unavailable', failure.message, error) : failure;
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'Unknown';
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}
