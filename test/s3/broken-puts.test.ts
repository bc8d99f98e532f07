import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import type { StoreUnderTest } from '../objects/object-store-contract.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { openBucket } from './bucket.ts';

const MIB = 1024 ** 2;
/** More than the sockets between here and there hold. */
const BODY_BYTES = 64 * MIB;
const STALL_MS = 500;
const MAXIMUM_BODIES = 64;

const servers = inject('s3Servers');
const testOnS3 = test.skipIf(servers === null);

let proxy: FaultProxy;
let bucket: StoreUnderTest;

beforeAll(async () => {
  if (servers === null) return;
  proxy = await startFaultProxy(servers.minio.endpoint);
  const settings = { endpoint: proxy.url, requestTimeoutMs: STALL_MS, maximumAttempts: 1 };
  bucket = await openBucket('minio', `broken-puts-${Date.now()}/`, settings);
});

afterAll(async () => {
  if (servers === null) return;
  await bucket.close();
  await proxy[Symbol.asyncDispose]();
});

beforeEach(() => proxy?.mend());

function* zeros(): Generator<Buffer> {
  for (let sent = 0; sent < BODY_BYTES; sent += MIB) yield Buffer.alloc(MIB);
}

async function put(): Promise<unknown> {
  return await bucket.store.put(await bucket.newKey(), Readable.from(zeros()), BODY_BYTES);
}

const isPut = ({ method }: { method: string }): boolean => method === 'PUT';

testOnS3('a store that stops reading in the middle of a body is away after its time-out', async () => {
  proxy.inject({ kind: 'deaf' }, isPut);
  await expect(put()).rejects.toMatchObject({ kind: 'unavailable', message: expect.stringContaining('took no byte') });
});

testOnS3('bodies that a store refuses before it has read them use up no connections', { timeout: 60_000 }, async () => {
  proxy.inject({ kind: 'answer', status: 403, code: 'AccessDenied', acts: false, early: true }, isPut);
  for (let refused = 0; refused < MAXIMUM_BODIES; refused += 1) {
    await expect(put()).rejects.toMatchObject({ kind: 'access_denied' });
  }
  await proxy.mend();
  await expect(put()).resolves.toBeDefined();
});
