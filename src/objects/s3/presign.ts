import { GetObjectCommand, HeadObjectCommand, type S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { StoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import type { S3Location } from './client.ts';
import { toStoreError } from './errors.ts';

/** Part of the signature as a header: moved into the query, where the SDK would put it, stores refuse it. */
const CHECKSUM_HEADER = 'x-amz-checksum-sha256';

/** The longest life of a presigned URL (S3 API, "Authenticating Requests: Using Query Parameters"). */
const LONGEST_URL_SECONDS = 7 * 86_400;

/** As the SDK's presigner takes it. */
export interface Validity {
  /** Seconds. */
  expiresIn: number;
  signingDate?: Date;
}

export interface PartToSign {
  key: ObjectKey;
  multipartId: string;
  partNumber: number;
  validity: Validity;
  /** Base64. */
  sha256?: string | undefined;
  sizeBytes?: number | undefined;
}

/** S3: presigned UploadPart. Calls nobody. */
export async function signPart(
  client: S3Client,
  { bucket, prefix }: S3Location,
  { key, multipartId, partNumber, validity, sha256, sizeBytes }: PartToSign,
): Promise<{ url: string; headers: Record<string, string> }> {
  const headers = {
    ...(sha256 === undefined ? {} : { [CHECKSUM_HEADER]: sha256 }),
    ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }),
  };
  const command = new UploadPartCommand({
    Bucket: bucket,
    Key: prefix + key,
    UploadId: multipartId,
    PartNumber: partNumber,
    ...(sha256 === undefined ? {} : { ChecksumSHA256: sha256 }),
    ...(sizeBytes === undefined ? {} : { ContentLength: sizeBytes }),
  });
  const url = await getSignedUrl(client, command, {
    ...validity,
    unhoistableHeaders: new Set([CHECKSUM_HEADER]),
    signableHeaders: new Set(['host', ...Object.keys(headers)]),
  });
  return { url, headers };
}

/** S3: presigned GetObject or HeadObject, which answers as our own route would. */
export async function signRead(
  client: S3Client,
  { bucket, prefix }: S3Location,
  key: ObjectKey,
  method: 'GET' | 'HEAD',
  validity: Validity,
): Promise<string> {
  const input = {
    Bucket: bucket,
    Key: prefix + key,
    ResponseContentType: 'application/octet-stream',
    ResponseCacheControl: 'private, immutable, max-age=31536000',
  };
  const command = method === 'GET' ? new GetObjectCommand(input) : new HeadObjectCommand(input);
  return await getSignedUrl(client, command, validity);
}

/**
 * Until when a URL made now can be good: as asked for, but no longer than S3 allows, nor than the credential that signs it lives.
 * @throws StoreError `access_denied` where there is no credential, or its time is over.
 */
export async function validityOf(
  client: S3Client,
  now: Date,
  asked: Date,
): Promise<{ expiresAt: Date; validity: Validity }> {
  const { expiration } = await client.config.credentials().catch((error: unknown) => {
    throw new StoreError('access_denied', toStoreError(error, 'no credentials for the store').message, error);
  });
  if (expiration !== undefined && expiration <= now) {
    throw new StoreError('access_denied', `the store's credentials expired at ${expiration.toISOString()}`);
  }
  const limits = [asked.getTime(), now.getTime() + LONGEST_URL_SECONDS * 1000];
  if (expiration !== undefined) limits.push(expiration.getTime());
  const expiresAt = new Date(Math.min(...limits));
  const leftMs = expiresAt.getTime() - now.getTime();
  if (leftMs >= 1000) return { expiresAt, validity: { expiresIn: Math.floor(leftMs / 1000) } };
  // S3 counts in whole seconds, one at the least: for less, the URL was signed a little earlier.
  return { expiresAt, validity: { expiresIn: 1, signingDate: new Date(Date.now() + leftMs - 1000) } };
}
