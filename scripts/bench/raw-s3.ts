import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { Payload } from '../../src/cli/bench/payloads.ts';
import { s3Client } from '../s3-servers/start.ts';
import type { RecordRequest } from './http-connection.ts';
import type { S3Bucket, S3Store } from './s3-store.ts';
import { expectStatus, rangeHeaders, type Subject } from './subject.ts';

export const RAW = 'raw presigned';

/** Sends the bytes of a payload from `start` up to `end` to a presigned URL, with these headers; returns the ETag. */
export type SendPart = (
  url: URL,
  payload: Payload,
  start: number,
  end: number,
  headers: Readonly<Record<string, string>>,
) => Promise<string>;

/** The whole payload in one part. */
export const ONE_CHECKSUMMED_PART = 'one part, whose SHA-256 the store checks';

/** The S3 server itself, by presigned URLs, with nothing of ours in between: what a proxy or a library can at best be. */
export interface RawS3 extends Subject {
  /**
   * Uploads a payload in parts: creates the upload, signs, sends, completes. Each sender sends one part at a time. Recorded
   * as a client's phases are: `create`, `transfer` from the signing of the first part to the last one's ETag, `complete`.
   */
  uploadParts(
    payload: Payload,
    partSizeBytes: number | typeof ONE_CHECKSUMMED_PART,
    senders: readonly SendPart[],
    record: RecordRequest,
  ): Promise<void>;
  readonly remove: (digest: string) => Promise<void>;
}

const CHECKSUM = 'x-amz-checksum-sha256';
/** Where there is one it stays a header, where stores look for it, and does not go into the query. */
const SIGN_CHECKSUM = { unhoistableHeaders: new Set([CHECKSUM]), signableHeaders: new Set(['host', CHECKSUM]) };

/** Longer than any run. */
const URL_TTL_SECONDS = 24 * 3600;

/** Opens a bucket by its bare protocol. */
export function openRawS3(
  stack: AsyncDisposableStack,
  { version, port, usage }: S3Store,
  { connection: server, bucket: Bucket }: S3Bucket,
): RawS3 {
  const client = s3Client(server);
  stack.defer(() => client.destroy());
  const validity = { expiresIn: URL_TTL_SECONDS };
  // Signed before any window: a window's reads are the store's own time.
  const readTargets = new Map<string, string>();

  return {
    name: RAW,
    version,
    port,
    usage,
    async put(connection, { digest, body }) {
      const url = new URL(await getSignedUrl(client, new PutObjectCommand({ Bucket, Key: digest }), validity));
      const target = url.pathname + url.search;
      const reply = await connection.request({ step: 'put', method: 'PUT', target, body: body(), take: 'text' });
      expectStatus(reply, 200, 'the put of an object');
      const readUrl = new URL(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: digest }), validity));
      readTargets.set(digest, readUrl.pathname + readUrl.search);
    },
    async get(connection, digest, take, range) {
      const target = readTargets.get(digest);
      if (target === undefined) throw new Error(`nothing was put as ${digest}`);
      return connection.request({ step: 'get', method: 'GET', target, headers: rangeHeaders(range), take });
    },
    async uploadParts(payload, partSize, senders, record) {
      const timed = phasesOf(record);
      const Key = payload.digest;
      const isChecksummed = partSize === ONE_CHECKSUMMED_PART;
      const partSizeBytes = isChecksummed ? payload.lengthBytes : partSize;
      const ChecksumSHA256 = isChecksummed ? Buffer.from(payload.digest, 'hex').toString('base64') : undefined;
      const headers = ChecksumSHA256 === undefined ? {} : { [CHECKSUM]: ChecksumSHA256 };
      const ChecksumAlgorithm = isChecksummed ? 'SHA256' : undefined;
      const create = new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm });
      const { UploadId } = await timed('create', () => client.send(create));
      const starts = startsOf(payload.lengthBytes, partSizeBytes).entries();
      const parts: { PartNumber: number; ETag: string; ChecksumSHA256: string | undefined }[] = [];
      const drain = async (send: SendPart) => {
        for (const [index, start] of starts) {
          const PartNumber = index + 1;
          const command = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, ChecksumSHA256 });
          const url = new URL(await getSignedUrl(client, command, { ...validity, ...SIGN_CHECKSUM }));
          const end = Math.min(start + partSizeBytes, payload.lengthBytes);
          parts.push({ PartNumber, ETag: await send(url, payload, start, end, headers), ChecksumSHA256 });
        }
      };
      await timed('transfer', () => Promise.all(senders.map(drain)));
      const Parts = parts.toSorted((left, right) => left.PartNumber - right.PartNumber);
      const complete = new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } });
      await timed('complete', () => client.send(complete));
      const readUrl = new URL(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), validity));
      readTargets.set(payload.digest, readUrl.pathname + readUrl.search);
    },
    async remove(digest) {
      await client.send(new DeleteObjectCommand({ Bucket, Key: digest }));
      readTargets.delete(digest);
    },
  };
}

function startsOf(lengthBytes: number, partSizeBytes: number): number[] {
  return Array.from({ length: Math.ceil(lengthBytes / partSizeBytes) }, (_, index) => index * partSizeBytes);
}

function phasesOf(record: RecordRequest) {
  return async <T>(phase: string, work: () => Promise<T>): Promise<T> => {
    const startedAtMs = performance.now();
    const result = await work();
    record(phase, performance.now() - startedAtMs);
    return result;
  };
}
