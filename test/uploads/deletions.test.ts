import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, sha256, upload } from '../support/uploading.ts';
import { expectWaiting, holdRows, inLine } from './in-line.ts';
import { type Held, inState } from './in-state.ts';
import { blobOf, expectSound, rowOf } from './inspect.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('keeper');
});

afterAll(() => server.close());

const commit = (held: Held) => server.request('POST', `${held.path}/commit`);
const deleteRepository = (held: Held) => server.request('DELETE', `/v1/repos/${held.repoKey}`);
const blobRow = (held: Held) => `select from blobs where digest = '${sha256(held.bytes)}' for update`;
const repositoryOf = (held: Held) => `select from repositories where repo_key = '${held.repoKey}' for update`;

test('a commit behind the deletion of its repository is a 404, and nothing of it stays', async () => {
  const held = await inState(server, 'pending_commit');
  const [deleted, committed] = await inLine(server, repositoryOf(held), [
    () => deleteRepository(held),
    () => commit(held),
  ]);
  expect([deleted?.status, committed?.status]).toEqual([200, 404]);
  expect(await rowOf(server, held.uploadId)).toMatchObject({ state: 'aborted', reason: 'repository_deleted' });
  expect(await blobOf(server, sha256(held.bytes))).toBeUndefined();
  await expectSound(server);
});

test('a commit before the deletion of its repository is a 200, and the deletion drops what it made', async () => {
  const held = await inState(server, 'pending_commit');
  const [committed, deleted] = await inLine(server, repositoryOf(held), [
    () => commit(held),
    () => deleteRepository(held),
  ]);
  expect([committed?.status, deleted?.status]).toEqual([200, 200]);
  await server.runWorker();
  expect(await blobOf(server, sha256(held.bytes))).toMatchObject({ state: 'condemned' });
  await expectSound(server);
});

test.each(['condemned', 'deleting', 'damaged'])(
  'a commit that fails on the deletion of its repository leaves a blob of its bytes %s, as it is',
  async (state) => {
    const held = await inState(server, 'pending_commit');
    const digest = sha256(held.bytes);
    await upload(server, 'keeper', held.bytes);
    await server.request('DELETE', `/v1/repos/keeper/blobs/${digest}`);
    await server.running.services.db.query(sql`update blobs set state = ${state} where digest = ${digest}`);
    const before = await blobOf(server, digest);
    // The commit learns that the repository is gone while its statement on the blob is still on its way.
    const blob = await holdRows(server, blobRow(held));
    const answers = inLine(server, repositoryOf(held), [() => deleteRepository(held), () => commit(held)]);
    await expect.poll(() => rowOf(server, held.uploadId)).toMatchObject({ state: 'aborted' });
    await expectWaiting(server, 1);
    await blob.release();
    expect((await answers).map((answer) => answer.status)).toEqual([200, 404]);
    expect(await blobOf(server, digest)).toEqual(before);
  },
);

test('an upload that begins behind the deletion of its repository is a 404, and no session', async () => {
  const held = await inState(server, 'initiated');
  const [, created] = await inLine(server, repositoryOf(held), [
    () => deleteRepository(held),
    async () => (await createSession(server, held.repoKey, { digest: 'a'.repeat(64), length: 1 })).created,
  ]);
  expect(created?.status).toBe(404);
  await expectSound(server);
});

test('a deduplicated upload behind the deletion of its repository is a 404, and no session', async () => {
  const held = await inState(server, 'initiated');
  await upload(server, 'keeper', held.bytes);
  const [, created] = await inLine(server, repositoryOf(held), [
    () => deleteRepository(held),
    async () => (await createSession(server, held.repoKey, held.bytes)).created,
  ]);
  expect(created?.status).toBe(404);
  await expectSound(server);
});

const deleteBlob = (held: Held) => server.request('DELETE', `/v1/repos/${held.repoKey}/blobs/${sha256(held.bytes)}`);

test('bytes whose last reference is dropped before they are deduplicated are asked for', async () => {
  const held = await inState(server, 'committed');
  const [deleted, created] = await inLine(server, blobRow(held), [
    () => deleteBlob(held),
    async () => (await createSession(server, 'keeper', held.bytes)).created,
  ]);
  expect([deleted?.status, created?.status]).toEqual([200, 201]);
  await expectSound(server);
});

test('bytes that are deduplicated before their last other reference is dropped stay', async () => {
  const held = await inState(server, 'committed');
  const [created, deleted] = await inLine(server, blobRow(held), [
    async () => (await createSession(server, 'keeper', held.bytes)).created,
    () => deleteBlob(held),
  ]);
  expect([created?.status, deleted?.status]).toEqual([200, 200]);
  expect(await blobOf(server, sha256(held.bytes))).toMatchObject({ state: 'live' });
  await expectSound(server);
});
