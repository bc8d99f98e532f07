import { createHash, randomUUID } from 'node:crypto';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { describe, expect, inject, test } from 'vitest';
import { S3_SERVER_NAMES, type S3ServerName } from '../../scripts/go-programs.ts';
import { s3Client } from '../../scripts/s3-servers/start.ts';

const CHECKSUM_HEADER = 'x-amz-checksum-sha256';

for (const name of S3_SERVER_NAMES)
  describe.skipIf(!inject('s3Servers'))(name, () => {
    test('an object reads back as the bytes that were put', async () => {
      using server = connect(name);
      const { client, bucket: Bucket } = server;
      const Key = randomUUID();
      const bytes = Buffer.from('some bytes');
      await client.send(new PutObjectCommand({ Bucket, Key, Body: bytes, ChecksumSHA256: sha256(bytes) }));
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      expect(Buffer.from((await Body?.transformToByteArray()) ?? [])).toEqual(bytes);
    });

    test('a presigned part takes the bytes of its signed checksum and no others', async () => {
      using server = connect(name);
      const { client, bucket: Bucket } = server;
      const Key = randomUUID();
      const { UploadId } = await client.send(
        new CreateMultipartUploadCommand({ Bucket, Key, ChecksumAlgorithm: 'SHA256' }),
      );
      const bytes = Buffer.from('the right bytes');
      const ChecksumSHA256 = sha256(bytes);
      const url = await getSignedUrl(
        client,
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, ChecksumSHA256 }),
        { unhoistableHeaders: new Set([CHECKSUM_HEADER]) },
      );
      expect(new URL(url).searchParams.get('X-Amz-SignedHeaders')).toContain(CHECKSUM_HEADER);
      const put = (body: Uint8Array<ArrayBuffer>, checksum: string) =>
        fetch(url, { method: 'PUT', body, headers: { [CHECKSUM_HEADER]: checksum } });

      const wrong = Buffer.from('the wrong bytes');
      expect((await put(wrong, ChecksumSHA256)).status).toBe(400);
      expect((await put(wrong, sha256(wrong))).status).toBe(403);
      const taken = await put(bytes, ChecksumSHA256);
      expect(taken.status).toBe(200);

      const part = { PartNumber: 1, ETag: taken.headers.get('etag') ?? '', ChecksumSHA256 };
      await client.send(
        new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: [part] } }),
      );
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      expect(Buffer.from((await Body?.transformToByteArray()) ?? [])).toEqual(bytes);
    });
  });

function connect(name: S3ServerName) {
  const server = inject('s3Servers')?.[name];
  if (server === undefined) throw new Error(`${name} was not started`);
  const client = s3Client(server);
  return { client, bucket: server.bucket, [Symbol.dispose]: () => client.destroy() };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}
