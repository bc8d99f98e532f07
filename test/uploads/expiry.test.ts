import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { readTrail } from '../audit/trail.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { bodyOf, createSession, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { expectWaiting, holdRows } from './in-line.ts';
import { type Held, inState, UPLOAD_TTL_SECONDS } from './in-state.ts';
import { count, filesOf, foldersOf, rowOf, trailOf } from './inspect.ts';

let server: TestServer;
const PART_URL_TTL_SECONDS = 900;
/** The longest that a part may be under way after its URL expired. */
const STRAGGLER_SECONDS = 3600;

beforeAll(async () => {
  server = await startTestServer({
    settings: { uploadTtlSeconds: UPLOAD_TTL_SECONDS, partUrlTtlSeconds: PART_URL_TTL_SECONDS },
  });
});

beforeEach(() => server.running.services.db.query(sql`delete from jobs`));

afterAll(() => server.close());

const SITUATIONS = ['initiated', 'parts_uploading', 'pending_commit'] as const;
const abort = (held: Held) => server.request('POST', `${held.path}/abort`);

test.each(SITUATIONS)('the sweep ends what is past its time and %s, with its row by the system', async (situation) => {
  const held = await inState(server, `${situation}, past its time`);
  await server.runWorker();
  expect(await rowOf(server, held.uploadId)).toMatchObject({ state: 'aborted', reason: 'expired' });
  const [row] = await readTrail(server, { resourceId: held.uploadId });
  expect(row).toMatchObject({
    action: 'upload.expired',
    actor: 'system',
    requestId: null,
    details: { state: situation, reason: 'expired' },
  });
});

test.each(SITUATIONS)('the sweep leaves what is %s and not past its time', async (situation) => {
  const held = await inState(server, situation);
  server.clock.advance({ seconds: UPLOAD_TTL_SECONDS - 10 });
  await server.runWorker();
  expect(await rowOf(server, held.uploadId)).toMatchObject({ state: situation });
});

test.each(['committed', 'aborted by its client', 'aborted by another digest'] as const)(
  'the sweep leaves what is %s, however old',
  async (situation) => {
    const held = await inState(server, situation);
    const before = [await rowOf(server, held.uploadId), await trailOf(server, held.uploadId)];
    server.clock.advance({ seconds: 10 * UPLOAD_TTL_SECONDS });
    await server.runWorker();
    expect([await rowOf(server, held.uploadId), await trailOf(server, held.uploadId)]).toEqual(before);
  },
);

test('a session whose verification begins just before the sweep gets hold of it lives on', async () => {
  const held = await inState(server, 'pending_commit, past its time');
  const verifier = await holdRows(
    server,
    `update upload_sessions set verification_owner = 'another', verification_until = 'infinity' where upload_id = '${held.uploadId}'`,
  );
  const sweep = server.runWorker();
  await expectWaiting(server, 1);
  await verifier.release();
  await sweep;
  expect(await rowOf(server, held.uploadId)).toMatchObject({ state: 'pending_commit' });
});

test('a round of the sweep ends more sessions than it reads at a time', async () => {
  await server.createRepository('crowded');
  await Promise.all(Array.from({ length: 230 }, () => createSession(server, 'crowded', uniqueBytes())));
  server.clock.advance({ seconds: UPLOAD_TTL_SECONDS });
  await server.runWorker();
  const live = sql<{ n: number }>`select count(*) as n from upload_sessions where state = 'initiated'`;
  expect(await count(server, live)).toBe(0);
});

test('the bytes of a swept session are gone after the same round', async () => {
  const held = await inState(server, 'pending_commit, past its time');
  expect(await foldersOf(server, sha256(held.bytes))).toHaveLength(1);
  await server.runWorker();
  expect(await foldersOf(server, sha256(held.bytes))).toEqual([]);
});

test.each(['aborted by its client', 'of a deleted repository'] as const)(
  'the bytes of a session %s are gone from the answer on',
  async (situation) => {
    const held = await inState(server, situation);
    const { objectKey } = await rowOf(server, held.uploadId);
    expect(await filesOf(server, objectKey)).toEqual([]);
  },
);

test.each(['aborted by another digest', 'aborted by another length'] as const)(
  'the bytes of a session %s are gone after a round of the worker',
  async (situation) => {
    const held = await inState(server, situation);
    const { objectKey } = await rowOf(server, held.uploadId);
    expect(await filesOf(server, objectKey)).not.toEqual([]);
    await server.runWorker();
    expect(await filesOf(server, objectKey)).toEqual([]);
  },
);

test('a session past its time that a request ended has its bytes removed too', async () => {
  const held = await inState(server, 'parts_uploading, past its time');
  await server.request('POST', `${held.path}/parts`, { json: { partNumber: 1 } });
  await server.runWorker();
  expect(await foldersOf(server, sha256(held.bytes))).toEqual([]);
});

test('what lands after the first clean-up is removed by the second, when nothing can still be under way', async () => {
  const held = await inState(server, 'aborted by its client');
  const { objectKey } = await rowOf(server, held.uploadId);
  await server.runWorker();
  await server.running.services.objects.put(objectKey, bodyOf(uniqueBytes(4)), 4);
  server.clock.advance({ seconds: PART_URL_TTL_SECONDS + STRAGGLER_SECONDS - 10 });
  await server.runWorker();
  expect(await filesOf(server, objectKey)).not.toEqual([]);
  server.clock.advance({ seconds: 10 });
  await server.runWorker();
  expect(await filesOf(server, objectKey)).toEqual([]);
});

test('after the second clean-up there is no third', async () => {
  await inState(server, 'aborted by its client');
  await server.runWorker();
  server.clock.advance({ seconds: PART_URL_TTL_SECONDS + STRAGGLER_SECONDS });
  await server.runWorker();
  expect(await count(server, sql<{ n: number }>`select count(*) as n from jobs`)).toBe(0);
});

test('the clean-up of one upload leaves another one of the same bytes', async () => {
  const held = await inState(server, 'parts_uploading');
  await abort(held);
  await server.createRepository('others');
  const committed = await upload(server, 'others', held.bytes);
  await server.runWorker();
  const { bytes } = await server.request('GET', `/v1/repos/others/blobs/${committed.json.digest}`);
  expect(bytes.equals(held.bytes)).toBe(true);
});

test('an upload that never got a part has nothing to remove, and is no failure', async () => {
  const held = await inState(server, 'initiated');
  await abort(held);
  await server.runWorker();
  const failed = sql<{ n: number }>`select count(*) as n from jobs where last_error is not null`;
  expect(await count(server, failed)).toBe(0);
});
