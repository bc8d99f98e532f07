import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CompleteMultipartUploadCommand, ListPartsCommand, type Part, type S3Client } from '@aws-sdk/client-s3';
import { isStoreError, StoreError } from '../errors.ts';
import type { NamedPart } from '../filesystem/assembly.ts';
import type { ObjectKey } from '../keys.ts';
import { type CompletedObject, type MultipartId, PART_LIMITS, type StoredPart } from '../object-store.ts';
import type { S3Location } from './client.ts';
import { isPreconditionFailed, toStoreError } from './errors.ts';
import { headObject, unquoted } from './head-object.ts';
import type { S3Features } from './probe.ts';

/** A store that has to put many parts together may take its time; one that copies them takes longer still. */
const COMPLETE_TIMEOUT_MS = 10 * 60_000;
/** Look-ups at once where the sizes of parts have to be asked for one by one. */
const PART_LOOKUPS = 16;

const MD5_HEX = /^[0-9a-f]{32}$/;
const COMPOSITE_ETAG = /^([0-9a-f]{32})-(\d+)$/;

/** Pauses between looks at an object that may be about to appear, in milliseconds. */
const LOOK_AGAIN_AFTER_MS = [25, 50, 100, 200, 400];

interface ListedPart extends StoredPart {
  /** Base64, where the part carried one. */
  sha256: string | undefined;
}

/** All parts of a multipart upload, page by page. @throws StoreError `upload_gone`. */
export async function listAllParts(
  client: S3Client,
  { bucket, prefix }: S3Location,
  key: ObjectKey,
  multipartId: MultipartId,
): Promise<ListedPart[]> {
  const parts: ListedPart[] = [];
  let marker: string | undefined;
  do {
    const page = await client
      .send(
        new ListPartsCommand({ Bucket: bucket, Key: prefix + key, UploadId: multipartId, PartNumberMarker: marker }),
      )
      .catch((error: unknown) => {
        const failure = toStoreError(error, `listing the parts of ${key}`);
        // Some stores say "no such key" of an upload that is gone.
        throw failure.kind === 'object_not_found' ? new StoreError('upload_gone', failure.message, error) : failure;
      });
    parts.push(...(page.Parts ?? []).map(listedPart));
    marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
  } while (marker !== undefined);
  return parts.sort((left, right) => left.partNumber - right.partNumber);
}

function listedPart({ PartNumber: partNumber = 0, Size: sizeBytes = 0, ETag: etag, ChecksumSHA256: sha256 }: Part) {
  return { partNumber, sizeBytes, etag: unquoted(etag), sha256 };
}

/**
 * Completes a multipart upload. What became of it is a fact of the store: where the reply is lost, or says that the upload is no
 * more, the object itself is looked at.
 * @throws StoreError `invalid_part`, nothing changed; `upload_gone`.
 */
export async function complete(
  client: S3Client,
  location: S3Location,
  features: S3Features,
  key: ObjectKey,
  multipartId: MultipartId,
  wanted: readonly NamedPart[],
): Promise<CompletedObject> {
  let listed: ListedPart[] | undefined;
  try {
    listed = features.listParts ? choose(await listAllParts(client, location, key, multipartId), wanted) : undefined;
    await client.send(
      new CompleteMultipartUploadCommand({
        Bucket: location.bucket,
        Key: location.prefix + key,
        UploadId: multipartId,
        ...(features.conditionalComplete ? { IfNoneMatch: '*' } : {}),
        MultipartUpload: {
          Parts: (listed ?? wanted.map((part) => ({ ...part, sha256: undefined }))).map((part) => ({
            PartNumber: part.partNumber,
            ETag: `"${part.etag}"`,
            ...(part.sha256 === undefined ? {} : { ChecksumSHA256: part.sha256 }),
          })),
        },
      }),
      { requestTimeout: COMPLETE_TIMEOUT_MS },
    );
  } catch (error) {
    const failure = toStoreError(error, `completing ${key}`);
    const decided = ['invalid_part', 'access_denied', 'full'].includes(failure.kind) && !isPreconditionFailed(error);
    if (decided) throw failure;
    return await settle(client, location, key, wanted, failure);
  }
  if (listed === undefined) return await inspect(client, location, key, wanted);
  const parts = listed.map(({ partNumber, sizeBytes, etag }) => ({ partNumber, sizeBytes, etag }));
  return { lengthBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0), parts, sha256: undefined };
}

/** The listed parts that are wanted. @throws StoreError `invalid_part`. */
function choose(listed: readonly ListedPart[], wanted: readonly NamedPart[]): ListedPart[] {
  const byNumber = new Map(listed.map((part) => [part.partNumber, part]));
  return wanted.map(({ partNumber, etag }, index) => {
    const part = byNumber.get(partNumber);
    if (part === undefined) throw new StoreError('invalid_part', `part ${partNumber} was not uploaded`);
    if (part.etag !== etag) throw new StoreError('invalid_part', `part ${partNumber} has another ETag: "${part.etag}"`);
    if (index < wanted.length - 1 && part.sizeBytes < PART_LIMITS.minimumBytes) {
      throw new StoreError(
        'invalid_part',
        `part ${partNumber} has ${part.sizeBytes} bytes; all but the last need at least ${PART_LIMITS.minimumBytes}`,
      );
    }
    return part;
  });
}

/** Whether the upload was completed after all, by this call or another one. @throws StoreError the failure, where it was not. */
async function settle(
  client: S3Client,
  location: S3Location,
  key: ObjectKey,
  wanted: readonly NamedPart[],
  failure: StoreError,
): Promise<CompletedObject> {
  // Another call may be completing it at this moment: some stores let go of the upload before they show the object.
  const pauses = failure.kind === 'upload_gone' ? LOOK_AGAIN_AFTER_MS : [];
  for (let look = 0; ; look += 1) {
    try {
      return await inspect(client, location, key, wanted);
    } catch (error) {
      if (!isStoreError(error, 'object_not_found')) throw error;
      const pauseMs = pauses[look];
      if (pauseMs === undefined) throw failure;
      await sleep(pauseMs);
    }
  }
}

/** The object as it stands. @throws StoreError `object_not_found`; `upload_gone` where it is made of other parts. */
async function inspect(
  client: S3Client,
  location: S3Location,
  key: ObjectKey,
  wanted: readonly NamedPart[],
): Promise<CompletedObject> {
  const head = await headObject(client, location, key);
  const [, digest, count] = COMPOSITE_ETAG.exec(head.etag) ?? [];
  const sameCount = count === undefined || Number(count) === wanted.length;
  // Under KMS an ETag is no MD5: then the count has to do, and the commit proves the digest anyway.
  const comparable = digest !== undefined && location.serverSideEncryption !== 'aws:kms';
  if (!sameCount || (comparable && digest !== compositeMd5(wanted))) {
    throw new StoreError('upload_gone', 'the upload was completed with other parts');
  }
  return {
    lengthBytes: head.lengthBytes,
    parts: await partsOf(client, location, key, wanted, head.lengthBytes),
    sha256: undefined,
  };
}

/** RFC 1321 over the parts' own: how S3 makes the ETag of an object of parts. Undefined where the ETags are no MD5. */
function compositeMd5(parts: readonly NamedPart[]): string | undefined {
  if (!parts.every(({ etag }) => MD5_HEX.test(etag))) return undefined;
  return createHash('md5')
    .update(Buffer.concat(parts.map(({ etag }) => Buffer.from(etag, 'hex'))))
    .digest('hex');
}

/** The parts of an object with their sizes, asked for one by one; none where the store doesn't tell. */
async function partsOf(
  client: S3Client,
  location: S3Location,
  key: ObjectKey,
  wanted: readonly NamedPart[],
  lengthBytes: number,
): Promise<StoredPart[]> {
  if (wanted.length === 1) return wanted.map((part) => ({ ...part, sizeBytes: lengthBytes }));
  const parts: StoredPart[] = [];
  for (let start = 0; start < wanted.length; start += PART_LOOKUPS) {
    const some = wanted.slice(start, start + PART_LOOKUPS).map(async (part, index) => {
      const { lengthBytes: sizeBytes } = await headObject(client, location, key, start + index + 1);
      return { ...part, sizeBytes };
    });
    parts.push(...(await Promise.all(some)));
  }
  return parts.reduce((sum, part) => sum + part.sizeBytes, 0) === lengthBytes ? parts : [];
}
