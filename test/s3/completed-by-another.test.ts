import { expect, inject, test } from 'vitest';
import { digestSchema } from '../../src/objects/digest.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { openBucket } from './bucket.ts';

const servers = inject('s3Servers');

test.skipIf(servers === null)('an upload that is gone before its object is seen is looked for again', async () => {
  if (servers === null) return;
  await using proxy = await startFaultProxy(servers.versitygw.endpoint);
  const bucket = await openBucket('versitygw', `completed-${Date.now()}/`, { endpoint: proxy.url });
  const { store } = bucket;
  const bytes = uniqueBytes(1000);
  const key = await bucket.newKey();
  const multipartId = await store.createMultipart(key, { checksummed: true });
  const target = await store.presignPart({
    key,
    multipartId,
    partNumber: 1,
    expiresAt: new Date(Date.now() + 60_000),
    sha256: digestSchema.parse(sha256(bytes)),
    sizeBytes: bytes.length,
  });
  const { etag } = await bucket.putPart(target.url, target.headers, bytes);
  const completed = await store.completeMultipart(key, multipartId, [{ partNumber: 1, etag }]);

  let looks = 0;
  const notYet = { kind: 'answer', status: 404, code: 'NotFound', acts: false } as const;
  const hidden = proxy.inject(notYet, ({ method }) => method === 'HEAD' && ++looks <= 3);
  const again = await store.completeMultipart(key, multipartId, [{ partNumber: 1, etag }]);
  expect(hidden).toHaveLength(3);
  expect(again).toMatchObject({ lengthBytes: completed.lengthBytes });

  proxy.inject(notYet, ({ method }) => method === 'HEAD');
  const gone = store.completeMultipart(key, multipartId, [{ partNumber: 1, etag }]);
  await expect(gone).rejects.toMatchObject({ kind: 'upload_gone' });
  await bucket.close();
});
