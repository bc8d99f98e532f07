import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { assert } from '../../src/kernel/errors.ts';
import type { Digest } from '../../src/objects/digest.ts';
import { StoreError } from '../../src/objects/errors.ts';
import { acceptOrReject } from '../../src/uploads/commit-upload.ts';
import type { HashPool } from '../../src/uploads/hash-pool.ts';
import { resumeVerifications } from '../../src/uploads/resume-verifications.ts';
import { createVerifications } from '../../src/uploads/verifications.ts';
import { createTestClock } from '../support/test-clock.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256 } from '../support/uploading.ts';
import { type Held, twoParts } from './in-state.ts';
import { expectSound, rowOf, trailOf } from './inspect.ts';

/** A read of an object that ends when the test says so: the store is as slow as it has to be. */
interface SlowRead {
  finish(digest: string): void;
  fail(error: Error): void;
  progress(hashedBytes: number): void;
}

const UPLOAD_TTL_SECONDS = 600;
const LEASE_SECONDS = 60;
const RENEWAL_MS = 15_000;

const clock = createTestClock();
let first: TestServer;
let second: TestServer;
let reads: SlowRead[];

const pool: Pick<HashPool, 'hash' | 'isFull' | 'close'> = {
  isFull: false,
  hash: (_request, progress) =>
    new Promise<Digest>((resolve, fail) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a test says that the bytes are
      reads.push({ finish: (digest) => resolve(digest as Digest), fail, progress });
    }),
  close: async () => undefined,
};

/** Puts the slow reads into a server. Everything else of it stays what it is: leases, rows, answers. */
function slowDown({ running: { services } }: TestServer): void {
  services.verifications = createVerifications(services, pool, (attribution, session, digest) =>
    acceptOrReject(services, attribution, session, digest, 'full_read'),
  );
}

beforeAll(async () => {
  first = await startTestServer({ clock, settings: { uploadTtlSeconds: UPLOAD_TTL_SECONDS } });
  const { database, dataDirectory } = first;
  second = await startTestServer({
    clock,
    database,
    dataDirectory,
    settings: { uploadTtlSeconds: UPLOAD_TTL_SECONDS },
  });
  await first.createRepository('apps');
  slowDown(first);
  slowDown(second);
});

beforeEach(() => {
  reads = [];
});

afterAll(async () => {
  await second.close();
  await first.close();
});

const pending = () => twoParts(first, 'apps');
const commit = (server: TestServer, held: Held) => server.request('POST', `${held.path}/commit`);
const lastRead = async (count = 1): Promise<SlowRead> => {
  await vi.waitFor(() => expect(reads).toHaveLength(count));
  const read = reads[count - 1];
  assert(read !== undefined, 'the read was waited for');
  return read;
};

test('a verification that takes long is a 202 with how far it is, and the same call ends it', async () => {
  const held = await pending();
  const answer = commit(first, held);
  const read = await lastRead();
  read.progress(1_000_000);
  const { status, headers, json } = await answer;
  expect({ status, retryAfter: headers.get('retry-after'), body: json }).toEqual({
    status: 202,
    retryAfter: '1',
    body: {
      uploadId: held.uploadId,
      repoKey: 'apps',
      state: 'pending_commit',
      verifiedBytes: 1_000_000,
      totalBytes: held.bytes.length,
    },
  });
  read.finish(sha256(held.bytes));
  expect((await commit(first, held)).json).toMatchObject({ state: 'committed', digest: sha256(held.bytes) });
  expect(reads).toHaveLength(1);
});

test('a verification ends without anybody waiting for it', async () => {
  const held = await pending();
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${first.adminToken}` };
  const answer = fetch(`${first.url}${held.path}/commit`, { method: 'POST', headers, signal: leaving.signal });
  const read = await lastRead();
  leaving.abort();
  await expect(answer).rejects.toThrow('abort');
  read.finish(sha256(held.bytes));
  await expect.poll(() => rowOf(first, held.uploadId)).toMatchObject({ state: 'committed' });
});

test('two commits on one server share one read', async () => {
  const held = await pending();
  const answers = [commit(first, held), commit(first, held)];
  (await lastRead()).finish(sha256(held.bytes));
  const [left, right] = await Promise.all(answers);
  expect([left?.status, left?.json]).toEqual([200, right?.json]);
  expect(reads).toHaveLength(1);
});

test('a commit on another server leaves the read to who is at it, and answers 202', async () => {
  const held = await pending();
  const answer = commit(first, held);
  const read = await lastRead();
  const elsewhere = await commit(second, held);
  expect([(await answer).status, elsewhere.status, reads.length]).toEqual([202, 202, 1]);
  read.finish(sha256(held.bytes));
  const own = await commit(first, held);
  expect((await commit(second, held)).json).toEqual(own.json);
});

test('a commit on another server answers as soon as the one who is at it is through', async () => {
  const held = await pending();
  const answer = commit(first, held);
  const read = await lastRead();
  const elsewhere = commit(second, held);
  read.finish(sha256(held.bytes));
  expect([(await answer).status, (await elsewhere).status, reads.length]).toEqual([200, 200, 1]);
});

test('what a crash left is taken up by any worker, without a client', async () => {
  const held = await pending();
  const crashed = commit(first, held);
  await lastRead();
  expect(await resumeVerifications(second.running.services)).toBe(0);
  clock.advance({ seconds: LEASE_SECONDS });
  expect(await resumeVerifications(second.running.services)).toBe(1);
  (await lastRead(2)).finish(sha256(held.bytes));
  await expect.poll(() => rowOf(first, held.uploadId)).toMatchObject({ state: 'committed' });
  reads[0]?.finish(sha256(held.bytes));
  expect((await crashed).status).toBe(200);
});

test('a mismatch found while nobody waited is told to who asks next, by any server', async () => {
  const held = await pending();
  const answer = commit(first, held);
  (await lastRead()).finish('b'.repeat(64));
  expect((await answer).status).toBe(409);
  const { status, json } = await commit(second, held);
  expect([status, json]).toEqual([
    409,
    expect.objectContaining({ error: 'upload_verification_failed', actualDigest: 'b'.repeat(64) }),
  ]);
});

test('a read that fails is a 503, and the next commit starts anew at once', async () => {
  const held = await pending();
  const answer = commit(first, held);
  (await lastRead()).fail(new StoreError('unavailable', 'the disk is away'));
  expect((await answer).json).toMatchObject({ error: 'service_unavailable' });
  const again = commit(second, held);
  (await lastRead(2)).finish(sha256(held.bytes));
  expect((await again).status).toBe(200);
});

test('the lease of a server that crashed is taken over once it is over', async () => {
  const held = await pending();
  const crashed = commit(first, held);
  await lastRead();
  expect((await commit(second, held)).status).toBe(202);
  clock.advance({ seconds: LEASE_SECONDS });
  const answer = commit(second, held);
  (await lastRead(2)).finish(sha256(held.bytes));
  expect((await answer).status).toBe(200);
  reads[0]?.finish(sha256(held.bytes));
  // Its patience was over before.
  expect((await crashed).status).toBe(202);
  expect((await trailOf(first, held.uploadId)).filter((action) => action === 'upload.committed')).toHaveLength(1);
});

test('each lease has a higher fencing number than the one before', async () => {
  const held = await pending();
  const failing = commit(first, held);
  (await lastRead()).fail(new StoreError('unavailable', 'the disk is away'));
  await failing;
  const { fence } = await rowOf(first, held.uploadId);
  const answer = commit(second, held);
  const read = await lastRead(2);
  expect((await rowOf(first, held.uploadId)).fence).toBe(fence + 1);
  read.finish(sha256(held.bytes));
  await answer;
});

test('a lease is renewed for as long as the read goes on', async () => {
  const held = await pending();
  const renewals: (() => void)[] = [];
  const interval = vi.spyOn(globalThis, 'setInterval').mockImplementation((renew, ms) => {
    if (ms === RENEWAL_MS) renewals.push(renew);
    return setTimeout(() => undefined, 0);
  });
  const answer = commit(first, held);
  const read = await lastRead();
  interval.mockRestore();
  const before = await rowOf(first, held.uploadId);
  clock.advance({ seconds: LEASE_SECONDS / 2 });
  renewals[0]?.();
  await expect
    .poll(async () => (await rowOf(first, held.uploadId)).verificationUntil?.getTime())
    .toBeGreaterThan(before.verificationUntil?.getTime() ?? Infinity);
  read.finish(sha256(held.bytes));
  await answer;
});

test('a session that is being verified outlives its time', async () => {
  const held = await pending();
  clock.advance({ seconds: UPLOAD_TTL_SECONDS - 10 });
  const answer = commit(first, held);
  const read = await lastRead();
  clock.advance({ seconds: 30 });
  await second.runWorker();
  expect(await rowOf(first, held.uploadId)).toMatchObject({ state: 'pending_commit' });
  read.finish(sha256(held.bytes));
  expect((await answer).status).toBe(200);
});

test('a session whose verifier is gone too is swept once the lease is over', async () => {
  const held = await pending();
  const crashed = commit(first, held);
  await lastRead();
  clock.advance({ seconds: UPLOAD_TTL_SECONDS + LEASE_SECONDS });
  await second.runWorker();
  expect(await rowOf(first, held.uploadId)).toMatchObject({ state: 'aborted', reason: 'expired' });
  reads[0]?.finish(sha256(held.bytes));
  expect((await crashed).json).toMatchObject({ error: 'conflict', message: expect.stringContaining('expired') });
});

test('an abort ends a session that is being verified, and its commit is a 409', async () => {
  const held = await pending();
  const answer = commit(first, held);
  const read = await lastRead();
  expect((await first.request('POST', `${held.path}/abort`)).status).toBe(200);
  read.finish(sha256(held.bytes));
  expect((await answer).json).toMatchObject({ error: 'conflict', message: expect.stringContaining('client_abort') });
});

test('a read that fails because the upload was aborted and cleaned up is a 409 as well', async () => {
  const held = await pending();
  const answer = commit(first, held);
  const read = await lastRead();
  await first.request('POST', `${held.path}/abort`);
  await first.runWorker();
  read.fail(new StoreError('object_not_found', 'the object is not there'));
  const { status, json } = await answer;
  expect([status, json.message]).toEqual([409, expect.stringContaining('client_abort')]);
});

test('a repository that is deleted meanwhile takes the verified bytes no more', async () => {
  await first.createRepository('short-lived');
  const held = await twoParts(first, 'short-lived');
  const answer = commit(first, held);
  const read = await lastRead();
  await first.request('DELETE', '/v1/repos/short-lived');
  read.finish(sha256(held.bytes));
  expect((await answer).status).toBe(404);
  await expectSound(first);
});
