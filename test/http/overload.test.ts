import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { afterEach, describe, expect, test } from 'vitest';
import type { Settings } from '../../src/kernel/settings.ts';
import { digestOf } from '../../src/objects/digest.ts';
import { acceptOrReject } from '../../src/uploads/commit-upload.ts';
import { createVerifications } from '../../src/uploads/verifications.ts';
import { scrape } from '../metrics/scrape.ts';
import { type Reply, startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes } from '../support/uploading.ts';
import { expectError } from './expect-error.ts';
import { type SlowUpload, startSlowUpload } from './slow-upload.ts';

const MIB = 1024 ** 2;
const METRICS_TOKEN = 'a-token-for-metrics-only';

let server: TestServer;

async function start(settings: Partial<Settings>): Promise<void> {
  server = await startTestServer({ settings });
  await server.createRepository('apps');
}

afterEach(() => server.close());

const list = () => server.request('GET', '/v1/repos');
const shed = async (bound: string) => (await scrape(server)).sum('artifortress_shed_total', { bound });

function expectShed(reply: Reply): void {
  expectError(reply, 503, 'service_unavailable');
  expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
}

/** As many as are allowed, in progress until they are finished. */
async function occupy(count: number): Promise<SlowUpload[]> {
  return await Promise.all(Array.from({ length: count }, () => startSlowUpload(server)));
}

describe('with as many requests in progress as are allowed', () => {
  test('one more is answered 503 at once, before it is looked at', async () => {
    await start({ maximumRequests: 3 });
    const uploads = await occupy(3);
    expectShed(await list());
    expectShed(await server.request('GET', '/v1/repos', { token: 'aft_unknown' }));
    expect(await shed('requests')).toBe(2);
    await Promise.all(uploads.map((upload) => upload.finish()));
  });

  test('health and metrics are answered', async () => {
    await start({ maximumRequests: 2 });
    const uploads = await occupy(2);
    const paths = ['/health/live', '/health/ready', '/'];
    const replies = await Promise.all(paths.map((path) => server.request('GET', path, { token: null })));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await scrape(server)).sum('artifortress_http_requests_in_flight')).toBe(2);
    await Promise.all(uploads.map((upload) => upload.finish()));
  });

  test('those in progress end well, and then there is room again', async () => {
    await start({ maximumRequests: 3 });
    const uploads = await occupy(3);
    expectShed(await list());
    expect(await Promise.all(uploads.map(async (upload) => (await upload.finish()).status))).toEqual([201, 201, 201]);
    await expect.poll(async () => (await list()).status).toBe(200);
  });
});

test('a flood is answered to the last request, well or by 503, and leaves nothing behind', async () => {
  await start({ maximumRequests: 10, databasePoolSize: 2 });
  const flood = Array.from({ length: 400 }, list);
  const live = server.request('GET', '/health/live');
  const replies = await Promise.all(flood);
  const statuses = new Set(replies.map(({ status }) => status));
  expect(statuses).toEqual(new Set([200, 503]));
  replies.filter(({ status }) => status === 503).forEach(expectShed);
  expect((await live).status).toBe(200);
  await expect.poll(async () => (await scrape(server)).sum('artifortress_http_requests_in_flight')).toBe(0);
  expect((await list()).status).toBe(200);
});

describe('with as many uploads in progress as are allowed', () => {
  const sessions = async () => {
    const { db } = server.running.services;
    const [row] = await db.query(sql<{ count: number }>`select count(*) as count from upload_sessions`);
    return row?.count;
  };

  test('one more PUT is answered 503 before its body, and leaves no session', async () => {
    await start({ maximumStreamedUploads: 2 });
    const uploads = await occupy(2);
    const bytes = uniqueBytes(100);
    const refused = await server.request('PUT', `/v1/repos/apps/blobs/${sha256(bytes)}`, {
      body: new Uint8Array(bytes),
    });
    expectShed(refused);
    expect([await sessions(), await shed('uploads')]).toEqual([2, 1]);
    await Promise.all(uploads.map((upload) => upload.finish()));
  });

  test('a part is refused alike, and taken once there is room', async () => {
    await start({ maximumStreamedUploads: 1 });
    const bytes = uniqueBytes(100);
    const session = await createSession(server, 'apps', bytes);
    const signed = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    const put = () => server.request('PUT', signed.json.uploadUrl, { token: null, body: new Uint8Array(bytes) });
    const [upload] = await occupy(1);
    expectShed(await put());
    await upload?.finish();
    expect((await put()).status).toBe(200);
  });

  test('everything else is served', async () => {
    await start({ maximumStreamedUploads: 1 });
    const [upload] = await occupy(1);
    expect((await list()).status).toBe(200);
    await upload?.finish();
  });

  test('an upload whose client went away makes room', async () => {
    await start({ maximumStreamedUploads: 1 });
    const [upload] = await occupy(1);
    upload?.leave();
    await expect.poll(async () => (await scrape(server)).sum('artifortress_uploads_in_progress')).toBe(0);
    const next = await startSlowUpload(server);
    expect((await next.finish()).status).toBe(201);
  });
});

test('with as many waiters for the database as are allowed, the next request is answered 503; then all are served', async () => {
  await start({ databasePoolSize: 2, maximumDatabaseWaiters: 3, metricsToken: METRICS_TOKEN });
  const { db } = server.running.services;
  const held = Promise.withResolvers<void>();
  const holders = [0, 1].map(() =>
    db.transaction(async (transaction) => {
      await transaction.query(sql`select 1`);
      await held.promise;
    }),
  );
  const waiting = Array.from({ length: 3 }, list);
  // With a token of its own: an administrator's would have to be looked up.
  const waiters = async () => (await scrape(server, METRICS_TOKEN)).sum('artifortress_database_pool_waiting');
  await expect.poll(waiters).toBe(3);
  expectShed(await list());
  expect((await server.request('GET', '/health/live')).status).toBe(200);
  held.resolve();
  await Promise.all(holders);
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect((await list()).status).toBe(200);
});

test('with as many verifications waiting as are allowed, a commit is answered 503, and the same commit succeeds later', async () => {
  await start({});
  const { services } = server.running;
  const bytes = uniqueBytes(5 * MIB + 100);
  const pool = {
    isFull: true,
    hash: async () => digestOf(createHash('sha256').update(bytes)),
    close: async () => undefined,
  };
  services.verifications = createVerifications(services, pool, (attribution, session, digest) =>
    acceptOrReject(services, attribution, session, digest, 'full_read'),
  );
  const session = await createSession(server, 'apps', bytes);
  const etags = [
    await sendPart(server, session, bytes.subarray(0, 5 * MIB), { partNumber: 1 }),
    await sendPart(server, session, bytes.subarray(5 * MIB), { partNumber: 2 }),
  ];
  expect((await complete(server, session, ...etags)).status).toBe(200);
  const commit = () => server.request('POST', `${session.path}/commit`);
  expectShed(await commit());
  expect((await server.request('GET', session.path)).json.state).toBe('pending_commit');
  pool.isFull = false;
  expect((await commit()).status).toBe(200);
});
