import { randomUUID } from 'node:crypto';
import { describe, inject } from 'vitest';
import { describeObjectStore } from '../objects/object-store-contract.ts';
import { openBucket } from './bucket.ts';

const servers = inject('s3Servers');

// Every promise that the folder keeps, by real S3 servers too.
for (const name of ['minio', 'versitygw'] as const) {
  describe.skipIf(servers === null)('', () => {
    describeObjectStore(`the store on ${name}`, () => openBucket(name, `prefix-${randomUUID()}/`));
  });
}
