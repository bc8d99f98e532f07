import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { digestSchema } from '../../src/objects/digest.ts';
import { objectKey } from '../../src/objects/keys.ts';
import type { S3Location } from '../../src/objects/s3/client.ts';
import { openS3Store } from '../../src/objects/s3/store.ts';
import type { StoreUnderTest } from '../objects/object-store-contract.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';

export type S3ServerName = 'minio' | 'versitygw';

/** Where a server under test is; the credentials go to the environment, where the SDK looks for them. */
function locationOf(name: S3ServerName, prefix: string, change: Partial<S3Location> = {}): S3Location {
  const servers = inject('s3Servers');
  if (servers === null) throw new Error('no S3 server is running');
  const { endpoint, region, bucket, accessKeyId, secretAccessKey } = servers[name];
  process.env.AWS_ACCESS_KEY_ID = accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = secretAccessKey;
  return {
    bucket,
    endpoint,
    publicEndpoint: undefined,
    region,
    forcePathStyle: true,
    prefix,
    caFile: undefined,
    verifyTls: true,
    serverSideEncryption: undefined,
    kmsKeyId: undefined,
    connectTimeoutMs: 2000,
    requestTimeoutMs: 10_000,
    maximumAttempts: 2,
    ...change,
  };
}

export async function openBucket(
  name: S3ServerName,
  prefix: string,
  change: Partial<S3Location> = {},
): Promise<StoreUnderTest> {
  const location = locationOf(name, prefix, change);
  const store = openS3Store({ location, maximumBodies: 64, clock: systemClock, log: createLogger('fatal') });
  return {
    store,
    newKey: async () => objectKey(digestSchema.parse(sha256(uniqueBytes())), randomUUID()),
    async putPart(url, headers, bytes) {
      const answer = await fetch(url, { method: 'PUT', headers, body: new Uint8Array(bytes) });
      await answer.arrayBuffer();
      return { status: answer.status, etag: (answer.headers.get('etag') ?? '').replaceAll('"', '') };
    },
    close: async () => store.close(),
  };
}
