import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, sendPart, sha256, uniqueBytes } from '../support/uploading.ts';
import { actionsFor, blobPath, put, rowsOf, store, storedUnder, unknownDigest } from './support.ts';
import { exchange, keepAliveAgent } from './wire.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  await server.createRepository('other');
});

afterAll(() => server.close());

test('new bytes are a 201 that says what was stored', async () => {
  const bytes = uniqueBytes(100_000);
  const reply = await put(server, 'apps', bytes);
  expect({ status: reply.status, json: reply.json }).toEqual({
    status: 201,
    json: { repoKey: 'apps', digest: sha256(bytes), length: 100_000, deduped: false },
  });
});

test('what was put is what is got', async () => {
  const bytes = uniqueBytes(777_777);
  await put(server, 'apps', bytes);
  const got = await server.request('GET', blobPath('apps', sha256(bytes)));
  expect(got.bytes.equals(bytes)).toBe(true);
});

test('bytes that the repository holds already are a 200', async () => {
  const bytes = uniqueBytes();
  await put(server, 'apps', bytes);
  const reply = await put(server, 'apps', bytes);
  expect({ status: reply.status, json: reply.json }).toEqual({
    status: 200,
    json: { repoKey: 'apps', digest: sha256(bytes), length: bytes.length, deduped: true },
  });
});

test('bytes that the caller may read elsewhere are a 200, and from then on held here too', async () => {
  const bytes = uniqueBytes();
  await put(server, 'other', bytes);
  expect(await put(server, 'apps', bytes)).toMatchObject({ status: 200, json: { deduped: true } });
  expect(await server.request('GET', blobPath('apps', sha256(bytes)))).toMatchObject({ status: 200 });
});

test('bytes that only others may read are needed like new ones: nobody learns that they are there', async () => {
  const bytes = uniqueBytes();
  await put(server, 'other', bytes);
  const token = await server.issueToken('narrow', ['repo:apps:write']);
  expect(await put(server, 'apps', bytes, token)).toMatchObject({ status: 201, json: { deduped: false } });
});

test('a digest that others hold is no way to their bytes: other bytes for it are refused', async () => {
  const secret = uniqueBytes();
  await put(server, 'other', secret);
  const token = await server.issueToken('guesser', ['repo:apps:write']);
  const reply = await server.request('PUT', blobPath('apps', sha256(secret)), { token, body: uniqueBytes() });
  expect(reply).toMatchObject({ status: 409, json: { error: 'upload_verification_failed' } });
  expect(await server.request('GET', blobPath('apps', sha256(secret)), { token })).toMatchObject({ status: 404 });
});

test('a digest that is held, with another length, is not deduplicated', async () => {
  const bytes = uniqueBytes(1000);
  const digest = await store(server, 'apps', bytes);
  const reply = await server.request('PUT', blobPath('apps', digest), { body: bytes.subarray(1) });
  expect(reply).toMatchObject({ status: 409, json: { error: 'upload_verification_failed' } });
});

test.each<[string, (digest: string) => string]>([
  ['in uppercase', (hex) => hex.toUpperCase()],
  ['with sha256:', (hex) => `sha256:${hex}`],
])('a digest %s is answered in its one form', async (_name, write) => {
  const bytes = uniqueBytes();
  const reply = await server.request('PUT', blobPath('apps', write(sha256(bytes))), { body: bytes });
  expect(reply).toMatchObject({ status: 201, json: { digest: sha256(bytes) } });
});

test.each([
  'application/octet-stream',
  'application/json',
  'application/json; charset=utf-8',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  'application/vnd.oci.image.manifest.v1+json',
  'garbage',
  'a/b/c; d',
  ';',
  '',
])('bytes that call themselves %j are taken as they are', async (type) => {
  const bytes = Buffer.concat([Buffer.from('{ no JSON: '), uniqueBytes()]);
  const reply = await exchange(server, 'PUT', blobPath('apps', sha256(bytes)), {
    body: bytes,
    headers: { 'content-type': type },
  });
  expect(reply.status).toBe(201);
});

test('bytes without a Content-Type are taken', async () => {
  const bytes = uniqueBytes();
  const reply = await exchange(server, 'PUT', blobPath('apps', sha256(bytes)), { body: bytes });
  expect(reply.status).toBe(201);
});

test('bytes larger than the body of a JSON route may be are taken', async () => {
  expect(await put(server, 'apps', uniqueBytes(3_000_000))).toMatchObject({ status: 201 });
});

test('the trail of an upload has its three rows', async () => {
  const bytes = uniqueBytes();
  await put(server, 'apps', bytes);
  expect(await actionsFor(server, sha256(bytes))).toEqual([
    'upload.session.created',
    'upload.completed',
    'upload.committed',
  ]);
});

test('the trail of a deduplicated upload has its two rows', async () => {
  const bytes = uniqueBytes();
  await put(server, 'other', bytes);
  const before = await actionsFor(server, sha256(bytes));
  await put(server, 'apps', bytes);
  const after = await actionsFor(server, sha256(bytes));
  expect(after.slice(before.length)).toEqual(['upload.session.created', 'upload.committed']);
});

test('the trail of other bytes ends in the failed verification', async () => {
  const digest = unknownDigest();
  await server.request('PUT', blobPath('apps', digest), { body: uniqueBytes() });
  const actions = await actionsFor(server, digest);
  expect(actions.at(-1)).toBe('upload.commit.verification_failed');
  expect(actions).not.toContain('upload.committed');
  expect(actions).not.toContain('upload.aborted');
});

test('the rows of one upload carry the id of its request and the subject of its token', async () => {
  const bytes = uniqueBytes();
  const token = await server.issueToken('carol', ['repo:apps:write']);
  const reply = await put(server, 'apps', bytes, token);
  const rows = await rowsOf(
    server,
    `select distinct actor, request_id as "requestId", repo_key as "repoKey", resource_type as "resourceType"
     from audit_events where details->>'expectedDigest' = $1`,
    sha256(bytes),
  );
  expect(rows).toEqual([
    { actor: 'carol', requestId: reply.headers.get('x-request-id'), repoKey: 'apps', resourceType: 'upload_session' },
  ]);
});

test('two identical uploads at once both succeed, and are one blob and one object', async () => {
  for (let round = 0; round < 5; round += 1) {
    const bytes = uniqueBytes(200_000);
    const digest = sha256(bytes);
    const replies = await Promise.all([put(server, 'apps', bytes), put(server, 'apps', bytes)]);
    expect(replies.map((reply) => reply.status).every((status) => status === 200 || status === 201)).toBe(true);
    expect(await rowsOf(server, 'select state from blobs where digest = $1', digest)).toEqual([{ state: 'live' }]);
    await server.runWorker();
    expect(await storedUnder(server, digest)).toHaveLength(1);
    const got = await server.request('GET', blobPath('apps', digest));
    expect(got.bytes.equals(bytes)).toBe(true);
  }
});

test('an upload of right bytes and one of wrong bytes for one digest at once: each has its own answer', async () => {
  for (let round = 0; round < 5; round += 1) {
    const bytes = uniqueBytes(50_000);
    const target = blobPath('apps', sha256(bytes));
    const [right, wrong] = await Promise.all([
      server.request('PUT', target, { body: bytes }),
      server.request('PUT', target, { body: uniqueBytes(50_000) }),
    ]);
    expect(right.status).toBe(201);
    // Deduplicated where the right one was there first: then not a byte of it counts.
    expect([200, 409]).toContain(wrong.status);
    await server.runWorker();
    const got = await server.request('GET', target);
    expect(got.bytes.equals(bytes)).toBe(true);
  }
});

test('an upload in one request and a session of the same bytes both end committed', async () => {
  const bytes = uniqueBytes(10_000);
  const session = await createSession(server, 'apps', bytes);
  const etag = await sendPart(server, session, bytes);
  expect(await put(server, 'apps', bytes)).toMatchObject({ status: 201 });
  await server.request('POST', `${session.path}/complete`, { json: { parts: [{ partNumber: 1, etag }] } });
  expect(await server.request('POST', `${session.path}/commit`)).toMatchObject({ status: 200 });
  await server.runWorker();
  const got = await server.request('GET', blobPath('apps', sha256(bytes)));
  expect(got.bytes.equals(bytes)).toBe(true);
});

test.each<[string, (bytes: Buffer) => [string, Record<string, string>]]>([
  ['a stored upload', (bytes) => [blobPath('apps', sha256(bytes)), {}]],
  ['other bytes', () => [blobPath('apps', unknownDigest()), {}]],
  ['a 404', (bytes) => [blobPath('nowhere', sha256(bytes)), {}]],
  ['a 401', (bytes) => [blobPath('apps', sha256(bytes)), { authorization: 'Bearer nobody' }]],
  ['a 400', () => [blobPath('apps', 'abc'), {}]],
])('the connection serves on after %s, whether or not the body was wanted', async (_name, request) => {
  using agent = keepAliveAgent();
  const bytes = uniqueBytes(500_000);
  const [target, headers] = request(bytes);
  await exchange(server, 'PUT', target, { body: bytes, headers, agent });
  const second = await exchange(server, 'GET', '/v1/repos/apps/blobs', { agent });
  expect(second).toMatchObject({ status: 200, reusedConnection: true });
});
