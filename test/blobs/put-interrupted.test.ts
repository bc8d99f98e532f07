import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, sha256, uniqueBytes } from '../support/uploading.ts';
import {
  actionsFor,
  blobPath,
  expectNothingLeft,
  PATIENCE,
  put,
  sessionsFor,
  storedUnder,
  unknownDigest,
} from './support.ts';
import { head, openSocket, readFirstBytes } from './wire.ts';

const UPLOAD_TTL_SECONDS = 3600;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { uploadTtlSeconds: UPLOAD_TTL_SECONDS } });
  await server.createRepository('apps');
});

afterAll(() => server.close());

/** Starts a `PUT` and sends half of its bytes. Resolves once some of them are on the disk. */
async function sendHalf(bytes: Buffer, repoKey = 'apps', digest = sha256(bytes)): Promise<Socket> {
  const socket = await openSocket(server.url);
  socket.write(head(server, 'PUT', blobPath(repoKey, digest), { 'content-length': String(bytes.length) }));
  socket.write(bytes.subarray(0, bytes.length / 2));
  await expect
    .poll(async () => (await storedUnder(server, digest)).some((name) => name.endsWith('.incoming')), PATIENCE)
    .toBe(true);
  return socket;
}

async function sendRest(socket: Socket, bytes: Buffer): Promise<{ status: number; body: unknown }> {
  socket.write(bytes.subarray(bytes.length / 2));
  const answer = (await readFirstBytes(socket)).toString('utf8');
  socket.destroy();
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]),
    body: JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)),
  };
}

async function sessionEnded(digest: string): Promise<unknown[]> {
  await expect.poll(() => sessionsFor(server, digest), PATIENCE).toMatchObject([{ state: 'aborted' }]);
  return await sessionsFor(server, digest);
}

test.each<[string, (socket: Socket) => unknown]>([
  ['closes the connection', (socket) => socket.destroy()],
  ['resets the connection', (socket) => socket.resetAndDestroy()],
  ['ends its side of the connection', (socket) => socket.end()],
])('a client that %s in the middle of the body leaves nothing', async (_name, leave) => {
  const bytes = uniqueBytes(2_000_000);
  const socket = await sendHalf(bytes);
  leave(socket);
  expect(await sessionEnded(sha256(bytes))).toMatchObject([{ state: 'aborted', reason: 'client_disconnected' }]);
  await expectNothingLeft(server, 'apps', sha256(bytes));
});

test('an interrupted upload leaves two rows in the trail: its start and its end', async () => {
  const bytes = uniqueBytes(500_000);
  (await sendHalf(bytes)).destroy();
  await sessionEnded(sha256(bytes));
  expect(await actionsFor(server, sha256(bytes))).toEqual(['upload.session.created', 'upload.aborted']);
});

test('after an interrupted upload the same bytes are a 201', async () => {
  const bytes = uniqueBytes(500_000);
  (await sendHalf(bytes)).destroy();
  await sessionEnded(sha256(bytes));
  expect(await put(server, 'apps', bytes)).toMatchObject({ status: 201 });
  await server.runWorker();
  const got = await server.request('GET', blobPath('apps', sha256(bytes)));
  expect(got.bytes.equals(bytes)).toBe(true);
});

test('bytes that are still coming in are not visible', async () => {
  const bytes = uniqueBytes(500_000);
  const socket = await sendHalf(bytes);
  expect(await server.request('GET', blobPath('apps', sha256(bytes)))).toMatchObject({ status: 404 });
  expect(await sendRest(socket, bytes)).toMatchObject({ status: 201 });
});

test('an upload whose time is over before its last byte is a 409, and expired', async () => {
  const bytes = uniqueBytes(500_000);
  const socket = await sendHalf(bytes);
  server.clock.advance({ seconds: UPLOAD_TTL_SECONDS + 1 });
  expect(await sendRest(socket, bytes)).toMatchObject({ status: 409, body: { error: 'conflict' } });
  expect(await sessionsFor(server, sha256(bytes))).toMatchObject([{ state: 'aborted', reason: 'expired' }]);
  expect(await actionsFor(server, sha256(bytes))).toEqual(['upload.session.created', 'upload.expired']);
  await expectNothingLeft(server, 'apps', sha256(bytes));
});

test('an upload that the sweeper ended in the middle of its body is a 409', async () => {
  const bytes = uniqueBytes(500_000);
  const socket = await sendHalf(bytes);
  server.clock.advance({ seconds: UPLOAD_TTL_SECONDS + 1 });
  await server.runWorker();
  expect(await sendRest(socket, bytes)).toMatchObject({ status: 409, body: { error: 'conflict' } });
  await expectNothingLeft(server, 'apps', sha256(bytes));
});

test('an upload that was aborted in the middle of its body is a 409', async () => {
  const bytes = uniqueBytes(500_000);
  const socket = await sendHalf(bytes);
  const [session] = await sessionsFor(server, sha256(bytes));
  await server.request('POST', `/v1/repos/apps/uploads/${session?.uploadId}/abort`, { json: {} });
  expect(await sendRest(socket, bytes)).toMatchObject({ status: 409, body: { error: 'conflict' } });
  await expectNothingLeft(server, 'apps', sha256(bytes));
});

test('an upload whose repository was deleted in the middle of its body stores nothing', async () => {
  await server.createRepository('doomed');
  const bytes = uniqueBytes(500_000);
  const socket = await sendHalf(bytes, 'doomed');
  await server.request('DELETE', '/v1/repos/doomed');
  const { status } = await sendRest(socket, bytes);
  expect([404, 409]).toContain(status);
  expect(await sessionsFor(server, sha256(bytes))).toMatchObject([{ state: 'aborted', reason: 'repository_deleted' }]);
  await expectNothingLeft(server, 'doomed', sha256(bytes));
});

test('a session of parts that is under way beside it is left alone by an interrupted upload', async () => {
  const bytes = uniqueBytes(500_000);
  const session = await createSession(server, 'apps', bytes);
  await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
  const socket = await openSocket(server.url);
  socket.write(head(server, 'PUT', blobPath('apps', sha256(bytes)), { 'content-length': String(bytes.length) }));
  socket.write(bytes.subarray(0, 1000));
  await expect.poll(() => sessionsFor(server, sha256(bytes)), PATIENCE).toHaveLength(2);
  socket.destroy();
  await expect
    .poll(() => sessionsFor(server, sha256(bytes)), PATIENCE)
    .toMatchObject([{ state: 'parts_uploading' }, { state: 'aborted' }]);
});

test('a body that never begins leaves nothing once the client is gone', async () => {
  const digest = unknownDigest();
  const socket = await openSocket(server.url);
  socket.write(head(server, 'PUT', blobPath('apps', digest), { 'content-length': '1000' }));
  await expect.poll(() => sessionsFor(server, digest), PATIENCE).toHaveLength(1);
  socket.destroy();
  await sessionEnded(digest);
  await expectNothingLeft(server, 'apps', digest);
});
