import { afterAll, beforeAll, expect, test } from 'vitest';
import { ON_FOLDER } from '../support/store-under-test.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { blobPath, put, rowsOf, store, storedUnder, unknownDigest } from './support.ts';
import { head, openSocket, readFirstBytes } from './wire.ts';

const DELETION_DELAY_SECONDS = 3600;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { deletionDelaySeconds: DELETION_DELAY_SECONDS } });
  for (const repoKey of ['apps', 'other']) await server.createRepository(repoKey);
});

afterAll(() => server.close());

async function drop(repoKey: string, digest: string) {
  return await server.request('DELETE', blobPath(repoKey, digest));
}

async function read(repoKey: string, digest: string) {
  return await server.request('GET', blobPath(repoKey, digest));
}

/** Lets the time go by after which the bytes of a blob that nothing refers to are removed, and has them removed. */
async function passDeletionDelay(): Promise<void> {
  server.clock.advance({ seconds: DELETION_DELAY_SECONDS + 1 });
  await server.runWorker();
}

test('a deletion is a 200 that says what was deleted', async () => {
  const digest = await store(server, 'apps', uniqueBytes());
  const reply = await drop('apps', digest);
  expect(reply.status).toBe(200);
  expect(reply.json).toMatchObject({ repoKey: 'apps', digest });
});

test('what was deleted is not found from the very next request on', async () => {
  const digest = await store(server, 'apps', uniqueBytes());
  await drop('apps', digest);
  const found = [
    await read('apps', digest),
    await server.request('HEAD', blobPath('apps', digest)),
    await drop('apps', digest),
  ];
  expect(found.map((reply) => reply.status)).toEqual([404, 404, 404]);
});

test('what was deleted is listed no more', async () => {
  const digest = await store(server, 'apps', uniqueBytes());
  await drop('apps', digest);
  const reply = await server.request('GET', `/v1/repos/apps/blobs?prefix=${digest}`);
  expect(reply.json.items).toEqual([]);
});

test('what the repository does not hold can not be deleted from it, whoever holds it', async () => {
  const digest = await store(server, 'other', uniqueBytes());
  expect(await drop('apps', digest)).toMatchObject({ status: 404, json: { error: 'not_found' } });
  expect(await read('other', digest)).toMatchObject({ status: 200 });
});

test.each([
  ['apps', unknownDigest()],
  ['nowhere', unknownDigest()],
])('a deletion in %s of what is nowhere is a 404', async (repoKey, digest) => {
  expect(await drop(repoKey, digest)).toMatchObject({ status: 404 });
});

test('another repository reads on, also once the bytes could have been removed', async () => {
  const bytes = uniqueBytes();
  const digest = await store(server, 'apps', bytes);
  await store(server, 'other', bytes);
  await drop('apps', digest);
  await passDeletionDelay();
  const got = await read('other', digest);
  expect(got.bytes.equals(bytes)).toBe(true);
});

test('the bytes that nothing refers to are kept until the delay is over, and gone after it', async () => {
  const digest = await store(server, 'apps', uniqueBytes());
  await drop('apps', digest);
  await server.runWorker();
  expect(await storedUnder(server, digest)).not.toEqual([]);
  await passDeletionDelay();
  expect(await storedUnder(server, digest)).toEqual([]);
});

test('once its bytes are gone nothing of the blob is left in the database', async () => {
  const digest = await store(server, 'apps', uniqueBytes());
  await drop('apps', digest);
  await passDeletionDelay();
  expect(await rowsOf(server, 'select from blobs where digest = $1', digest)).toEqual([]);
});

test.each([
  ['before its bytes are gone', async () => {}],
  ['after its bytes are gone', passDeletionDelay],
])('a deleted blob can be uploaded again %s', async (_name, meanwhile) => {
  const bytes = uniqueBytes();
  const digest = await store(server, 'apps', bytes);
  await drop('apps', digest);
  await meanwhile();
  expect(await put(server, 'apps', bytes)).toMatchObject({ status: 201 });
  await passDeletionDelay();
  const got = await read('apps', digest);
  expect(got.bytes.equals(bytes)).toBe(true);
});

test('after a deletion the bytes are needed again where nothing that the caller may read holds them', async () => {
  const bytes = uniqueBytes();
  await store(server, 'apps', bytes);
  await drop('apps', sha256(bytes));
  expect(await put(server, 'apps', bytes)).toMatchObject({ status: 201, json: { deduped: false } });
});

test('after a deletion the bytes are not needed where another repository that the caller may read holds them', async () => {
  const bytes = uniqueBytes();
  await store(server, 'apps', bytes);
  await store(server, 'other', bytes);
  await drop('apps', sha256(bytes));
  expect(await put(server, 'apps', bytes)).toMatchObject({ status: 200, json: { deduped: true } });
});

test('after a deletion, who may not read the other repository has to bring the bytes', async () => {
  const bytes = uniqueBytes();
  await store(server, 'apps', bytes);
  await store(server, 'other', bytes);
  await drop('apps', sha256(bytes));
  const token = await server.issueToken('fred', ['repo:apps:write']);
  expect(await put(server, 'apps', bytes, token)).toMatchObject({ status: 201, json: { deduped: false } });
});

test('a blob uploaded again is the newest of the list', async () => {
  const bytes = uniqueBytes();
  await store(server, 'apps', bytes);
  await store(server, 'apps', uniqueBytes());
  await drop('apps', sha256(bytes));
  await store(server, 'apps', bytes);
  const reply = await server.request('GET', '/v1/repos/apps/blobs?limit=1');
  expect(reply.json.items).toMatchObject([{ digest: sha256(bytes) }]);
});

test('the blob of nothing can be deleted and uploaded again', async () => {
  const digest = await store(server, 'apps', new Uint8Array());
  await drop('apps', digest);
  expect(await read('apps', digest)).toMatchObject({ status: 404 });
  await passDeletionDelay();
  await store(server, 'apps', new Uint8Array());
  expect(await read('apps', digest)).toMatchObject({ status: 200 });
});

test('the trail of a deletion: the reference, the blob that nothing holds any more, its object', async () => {
  const digest = await store(server, 'apps', uniqueBytes());
  await drop('apps', digest);
  await passDeletionDelay();
  const rows = await rowsOf(
    server,
    'select action, resource_type as "resourceType", actor from audit_events where resource_id = $1 order by audit_id',
    digest,
  );
  expect(rows).toEqual([
    { action: 'blob.reference.deleted', resourceType: 'blob', actor: 'root' },
    { action: 'blob.condemned', resourceType: 'blob', actor: 'root' },
    { action: 'blob.object.deleted', resourceType: 'blob', actor: 'system' },
  ]);
});

test('a refused deletion leaves no trail of a deletion', async () => {
  const digest = await store(server, 'other', uniqueBytes());
  await drop('apps', digest);
  expect(await rowsOf(server, 'select from audit_events where resource_id = $1', digest)).toEqual([]);
});

test('of two deletions at once one is a 200 and one a 404', async () => {
  for (let round = 0; round < 5; round += 1) {
    const digest = await store(server, 'apps', uniqueBytes());
    const replies = await Promise.all([drop('apps', digest), drop('apps', digest)]);
    expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([200, 404]));
  }
});

test('the last two references dropped at once leave no bytes that nothing refers to', async () => {
  const digests: string[] = [];
  for (let round = 0; round < 20; round += 1) {
    const bytes = uniqueBytes();
    const digest = await store(server, 'apps', bytes);
    await store(server, 'other', bytes);
    await Promise.all([drop('apps', digest), drop('other', digest)]);
    digests.push(digest);
  }
  await passDeletionDelay();
  const left = await rowsOf(server, 'select digest from blobs where digest = any($1)', digests);
  expect(left).toEqual([]);
});

test('a deletion and an upload of the same bytes at once leave either the whole blob or none', async () => {
  for (let round = 0; round < 10; round += 1) {
    const bytes = uniqueBytes();
    const digest = await store(server, 'apps', bytes);
    const [deleted, uploaded] = await Promise.all([drop('apps', digest), put(server, 'apps', bytes)]);
    expect(deleted.status).toBe(200);
    expect([200, 201]).toContain(uploaded.status);
    await passDeletionDelay();
    const got = await read('apps', digest);
    if (got.status === 200) expect(got.bytes.equals(bytes)).toBe(true);
    else expect(got.status).toBe(404);
    // A reference without its bytes, or bytes that nothing refers to, would be seen here.
    expect((await storedUnder(server, digest)).length > 0).toBe(got.status === 200);
  }
});

// A bucket may cut it short, and the deletion delay is what keeps the two apart; files that are open stay readable.
const testOnFolder = ON_FOLDER ? test : () => {};
testOnFolder('a download in progress ends whole, though its blob is deleted meanwhile', async () => {
  const bytes = uniqueBytes(20_000_000);
  const digest = await store(server, 'apps', bytes);
  const socket = await openSocket(server.url);
  socket.write(head(server, 'GET', blobPath('apps', digest), { connection: 'close' }));
  const chunks = [await readFirstBytes(socket)];
  await drop('apps', digest);
  await passDeletionDelay();
  for await (const chunk of socket) chunks.push(Buffer.from(chunk));
  const answer = Buffer.concat(chunks);
  expect(sha256(answer.subarray(answer.indexOf('\r\n\r\n') + 4))).toBe(digest);
});
