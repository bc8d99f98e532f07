import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { blobPath, expectNothingLeft, put, sessionsFor, unknownDigest } from './support.ts';
import { exchange, head, openSocket, readFirstBytes, talk } from './wire.ts';

const MAXIMUM_BYTES = 1_000_000;
const EMPTY_DIGEST = sha256(new Uint8Array());

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { maximumArtifactBytes: MAXIMUM_BYTES } });
  await server.createRepository('apps');
});

afterAll(() => server.close());

test('other bytes are a 409 that tells both digests and both lengths', async () => {
  const bytes = uniqueBytes(1234);
  const expectedDigest = unknownDigest();
  const reply = await server.request('PUT', blobPath('apps', expectedDigest), { body: bytes });
  expect({ status: reply.status, json: reply.json }).toEqual({
    status: 409,
    json: {
      error: 'upload_verification_failed',
      message: expect.stringMatching(/^.+\.$/),
      requestId: reply.headers.get('x-request-id'),
      expectedDigest,
      actualDigest: sha256(bytes),
      expectedLength: 1234,
      actualLength: 1234,
    },
  });
});

test('after other bytes nothing is visible, and nothing is left on the disk', async () => {
  const bytes = uniqueBytes();
  const digest = unknownDigest();
  await server.request('PUT', blobPath('apps', digest), { body: bytes });
  await expectNothingLeft(server, 'apps', digest);
  expect(await server.request('GET', blobPath('apps', sha256(bytes)))).toMatchObject({ status: 404 });
});

test('after other bytes the session is aborted with the mismatch as its reason', async () => {
  const digest = unknownDigest();
  await server.request('PUT', blobPath('apps', digest), { body: uniqueBytes() });
  expect(await sessionsFor(server, digest)).toMatchObject([{ state: 'aborted', reason: 'digest_mismatch' }]);
});

test('after other bytes the right ones are a 201', async () => {
  const bytes = uniqueBytes();
  await server.request('PUT', blobPath('apps', sha256(bytes)), { body: uniqueBytes() });
  expect(await put(server, 'apps', bytes)).toMatchObject({ status: 201 });
  await server.runWorker();
  const got = await server.request('GET', blobPath('apps', sha256(bytes)));
  expect(got.bytes.equals(bytes)).toBe(true);
});

test.each(['keep-alive', 'close'])(
  'a client that sends all before it reads is told what is wrong, if its token is good (Connection: %s)',
  async (connection) => {
    const lengthBytes = 64 * 1024 ** 2;
    const socket = await openSocket(server.url, { paused: true });
    socket.write(
      head(server, 'PUT', blobPath('apps', unknownDigest()), { 'content-length': String(lengthBytes), connection }),
    );
    const chunk = Buffer.alloc(1024 ** 2);
    for (let sent = 0; sent < lengthBytes && !socket.destroyed; sent += chunk.length) {
      if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
    }
    socket.resume();
    expect((await readFirstBytes(socket)).toString('latin1')).toMatch(/^HTTP\/1\.1 413 /);
    socket.destroy();
  },
);

test('a chunked body is a 411', async () => {
  const bytes = uniqueBytes();
  const request = head(server, 'PUT', blobPath('apps', sha256(bytes)), {
    'transfer-encoding': 'chunked',
    connection: 'close',
  });
  const chunked = Buffer.concat([Buffer.from(`${request}3e8\r\n`), bytes, Buffer.from('\r\n0\r\n\r\n')]);
  const answer = await talk(server.url, chunked);
  expect(answer).toMatch(/^HTTP\/1\.1 411 /);
  expect(answer).toContain('"error":"length_required"');
  expect(await sessionsFor(server, sha256(bytes))).toEqual([]);
});

test('no body and no Content-Length is a 411', async () => {
  const answer = await talk(server.url, head(server, 'PUT', blobPath('apps', EMPTY_DIGEST), { connection: 'close' }));
  expect(answer).toMatch(/^HTTP\/1\.1 411 /);
});

test.each(['-1', '1.5', '0x10', 'ten', '1e3', '10, 20', '99999999999999999999'])(
  'a Content-Length of %s is a refusal, and starts nothing',
  async (length) => {
    const digest = unknownDigest();
    const answer = await talk(
      server.url,
      head(server, 'PUT', blobPath('apps', digest), { 'content-length': length, connection: 'close' }),
    );
    expect(answer).toMatch(/^HTTP\/1\.1 4(00|13) /);
    expect(await sessionsFor(server, digest)).toEqual([]);
  },
);

test.each([String(MAXIMUM_BYTES + 1), '9223372036854775807'])(
  'a declared length of %s is over the limit: a 413, before any byte is read',
  async (length) => {
    const digest = unknownDigest();
    const request = head(server, 'PUT', blobPath('apps', digest), { 'content-length': length, connection: 'close' });
    const answer = await talk(server.url, request);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"error":"payload_too_large"');
    expect(await sessionsFor(server, digest)).toEqual([]);
  },
);

test('exactly as many bytes as are allowed are a 201', async () => {
  expect(await put(server, 'apps', uniqueBytes(MAXIMUM_BYTES))).toMatchObject({ status: 201 });
});

test('nothing, with the digest of nothing, is a 200 and readable', async () => {
  const reply = await exchange(server, 'PUT', blobPath('apps', EMPTY_DIGEST), { body: new Uint8Array() });
  expect({ status: reply.status, body: JSON.parse(reply.bytes.toString()) }).toEqual({
    status: 200,
    body: { repoKey: 'apps', digest: EMPTY_DIGEST, length: 0, deduped: true },
  });
  const got = await exchange(server, 'GET', blobPath('apps', EMPTY_DIGEST));
  expect(got).toMatchObject({ status: 200, headers: { 'content-length': '0' } });
});

test('nothing, with another digest, is a 400', async () => {
  const reply = await exchange(server, 'PUT', blobPath('apps', unknownDigest()), { body: new Uint8Array() });
  expect(reply.status).toBe(400);
});

test('something, with the digest of nothing, is a 400', async () => {
  const reply = await exchange(server, 'PUT', blobPath('apps', EMPTY_DIGEST), { body: uniqueBytes() });
  expect(reply.status).toBe(400);
});

test('an unknown repository is a 404', async () => {
  expect(await put(server, 'nowhere', uniqueBytes())).toMatchObject({ status: 404, json: { error: 'not_found' } });
});

test.each(['remote', 'virtual'])('a %s repository takes no upload', async (repoType) => {
  const of = repoType === 'remote' ? { upstreamUrl: 'https://example.org' } : { memberRepos: ['apps'] };
  await server.request('POST', '/v1/repos', { json: { repoKey: repoType, repoType, ...of } });
  expect(await put(server, repoType, uniqueBytes())).toMatchObject({ status: 409, json: { error: 'conflict' } });
});
