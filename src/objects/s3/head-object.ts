import { HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ObjectKey } from '../keys.ts';
import type { S3Location } from './client.ts';
import { toStoreError } from './errors.ts';

export interface HeadAnswer {
  lengthBytes: number;
  etag: string;
  /** Base64, and `-<parts>` behind it where it is one of parts. */
  sha256: string | undefined;
}

/** @throws StoreError `object_not_found`. */
export async function headObject(
  client: S3Client,
  { bucket, prefix }: S3Location,
  key: ObjectKey,
  partNumber?: number,
): Promise<HeadAnswer> {
  try {
    const answer = await client.send(
      new HeadObjectCommand({
        Bucket: bucket,
        Key: prefix + key,
        ChecksumMode: 'ENABLED',
        ...(partNumber === undefined ? {} : { PartNumber: partNumber }),
      }),
    );
    const { ContentLength: lengthBytes = 0, ETag: etag, ChecksumSHA256: sha256 } = answer;
    return { lengthBytes, etag: unquoted(etag), sha256 };
  } catch (error) {
    throw toStoreError(error, `looking at ${key}`);
  }
}

/** An ETag as S3 sends it, without its quotes. */
export function unquoted(etag: string | undefined): string {
  return (etag ?? '').replaceAll('"', '');
}
