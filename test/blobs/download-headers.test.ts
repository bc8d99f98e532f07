import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { blobPath, store, storeInParts, unknownDigest } from './support.ts';
import { exchange, head, keepAliveAgent, talk } from './wire.ts';

const EMPTY_DIGEST = sha256(new Uint8Array());
const REQUEST_ID = expect.stringMatching(/^[0-9a-f-]{36}$/);

let server: TestServer;
let bytes: Buffer;
let digest: string;
let manyParts: Buffer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  bytes = uniqueBytes(1000);
  digest = await store(server, 'apps', bytes);
  manyParts = await storeInParts(server, 'apps');
  await store(server, 'apps', new Uint8Array());
});

afterAll(() => server.close());

/** Every answer carries them: a browser that opens one runs nothing of it (src/http/security-headers.ts). */
const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
};

/** RFC 9530 §3: the digest of the whole representation, as a byte sequence of RFC 8941. */
function reprDigest(whole: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(whole).digest('base64')}:`;
}

/** What the contract gives to every answer that is about the bytes of a blob, and nothing else but the date and the connection. */
function blobHeaders(whole: Uint8Array): Record<string, unknown> {
  return {
    'accept-ranges': 'bytes',
    etag: `"${sha256(whole)}"`,
    'cache-control': 'private, immutable, max-age=31536000',
    'repr-digest': reprDigest(whole),
    'content-type': 'application/octet-stream',
    ...SECURITY_HEADERS,
    'x-request-id': REQUEST_ID,
  };
}

/** The headers without those of the connection and of the moment. */
function ownHeaders({ headers }: { headers: Record<string, unknown> }): Record<string, unknown> {
  const { date: _date, connection: _connection, 'keep-alive': _keepAlive, ...own } = headers;
  return own;
}

test('a 200 carries the headers of the contract and no others', async () => {
  const reply = await exchange(server, 'GET', blobPath('apps', digest));
  expect(ownHeaders(reply)).toEqual({ ...blobHeaders(bytes), 'content-length': '1000' });
});

test('a 200 of an object of several files carries the same headers', async () => {
  const reply = await exchange(server, 'GET', blobPath('apps', sha256(manyParts)));
  expect(ownHeaders(reply)).toEqual({ ...blobHeaders(manyParts), 'content-length': String(manyParts.length) });
});

test('a 200 of the empty blob carries the same headers', async () => {
  const reply = await exchange(server, 'GET', blobPath('apps', EMPTY_DIGEST));
  expect(ownHeaders(reply)).toEqual({ ...blobHeaders(new Uint8Array()), 'content-length': '0' });
});

test('a 206 carries the headers of a 200 and its Content-Range, and the digest of the whole', async () => {
  const reply = await exchange(server, 'GET', blobPath('apps', digest), { headers: { range: 'bytes=100-199' } });
  expect(ownHeaders(reply)).toEqual({
    ...blobHeaders(bytes),
    'content-length': '100',
    'content-range': 'bytes 100-199/1000',
  });
});

test('a 206 of all the bytes is still a 206', async () => {
  const reply = await exchange(server, 'GET', blobPath('apps', digest), { headers: { range: 'bytes=0-' } });
  expect(reply).toMatchObject({ status: 206, headers: { 'content-range': 'bytes 0-999/1000' } });
});

test('a 304 carries the validator and the caching of the 200, and nothing about a body', async () => {
  const reply = await exchange(server, 'GET', blobPath('apps', digest), {
    headers: { 'if-none-match': `"${digest}"` },
  });
  expect(reply.status).toBe(304);
  expect(ownHeaders(reply)).toEqual({
    etag: `"${digest}"`,
    'cache-control': 'private, immutable, max-age=31536000',
    ...SECURITY_HEADERS,
    'x-request-id': REQUEST_ID,
  });
});

test('a 416 tells the length and is not to be kept', async () => {
  const reply = await exchange(server, 'GET', blobPath('apps', digest), { headers: { range: 'bytes=1000-' } });
  expect(ownHeaders(reply)).toEqual({
    'content-range': 'bytes */1000',
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(reply.bytes.length),
    'cache-control': 'no-store',
    ...SECURITY_HEADERS,
    'x-request-id': REQUEST_ID,
  });
});

test('a 416 has the body of every error', async () => {
  const reply = await exchange(server, 'GET', blobPath('apps', digest), { headers: { range: 'bytes=1000-' } });
  expect(JSON.parse(reply.bytes.toString())).toEqual({
    error: 'invalid_range',
    message: expect.stringMatching(/^.+\.$/),
    requestId: reply.headers['x-request-id'],
  });
});

test('an error that is no 416 has neither a Content-Range nor the headers of a blob', async () => {
  const reply = await exchange(server, 'GET', blobPath('apps', digest), { headers: { range: 'bytes=5-2' } });
  expect(ownHeaders(reply)).toEqual({
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(reply.bytes.length),
    'cache-control': 'no-store',
    ...SECURITY_HEADERS,
    'x-request-id': REQUEST_ID,
  });
});

test.each([
  ['a small blob', () => bytes],
  ['an object of several files', () => manyParts],
  ['the empty blob', () => new Uint8Array()],
])('HEAD of %s answers the status and the headers of its GET', async (_name, whole) => {
  const path = blobPath('apps', sha256(whole()));
  const got = await exchange(server, 'GET', path);
  const headed = await exchange(server, 'HEAD', path);
  expect({ status: headed.status, ...ownHeaders(headed) }).toEqual({
    status: 200,
    ...ownHeaders(got),
    'x-request-id': REQUEST_ID,
  });
});

test.each(['bytes=0-4', 'bytes=5000-', 'bytes=-0', 'bytes=5-2', 'garbage'])(
  'HEAD ignores the Range %j',
  async (range) => {
    const reply = await exchange(server, 'HEAD', blobPath('apps', digest), { headers: { range } });
    expect({ status: reply.status, ...ownHeaders(reply) }).toEqual({
      status: 200,
      ...blobHeaders(bytes),
      'content-length': '1000',
    });
  },
);

test('HEAD answers 304 as its GET does', async () => {
  const headers = { 'if-none-match': `"${digest}"` };
  const got = await exchange(server, 'GET', blobPath('apps', digest), { headers });
  const headed = await exchange(server, 'HEAD', blobPath('apps', digest), { headers });
  expect({ status: headed.status, ...ownHeaders(headed) }).toEqual({
    status: 304,
    ...ownHeaders(got),
    'x-request-id': REQUEST_ID,
  });
});

test('HEAD of what is not there answers 404', async () => {
  const reply = await exchange(server, 'HEAD', blobPath('apps', unknownDigest()));
  expect(reply.status).toBe(404);
});

test.each([
  ['a 304', 'GET', { 'if-none-match': '*' }, 304],
  ['an answer to HEAD', 'HEAD', {}, 200],
  ['a 304 to HEAD', 'HEAD', { 'if-none-match': '*' }, 304],
] as const)('not a byte follows the headers of %s', async (_name, method, headers, status) => {
  const answer = await talk(
    server.url,
    head(server, method, blobPath('apps', digest), { ...headers, connection: 'close' }),
  );
  const [firstLines = '', ...rest] = answer.split('\r\n\r\n');
  expect(firstLines).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(rest.join('\r\n\r\n')).toBe('');
});

test.each([
  ['a 200', 'GET', {}, 200],
  ['a 206', 'GET', { range: 'bytes=0-4' }, 206],
  ['a 304', 'GET', { 'if-none-match': '*' }, 304],
  ['a 400', 'GET', { range: 'bytes=4-0' }, 400],
  ['a 416', 'GET', { range: 'bytes=1000-' }, 416],
  ['an answer to HEAD', 'HEAD', {}, 200],
  ['an answer to HEAD with a Range', 'HEAD', { range: 'bytes=0-4' }, 200],
] as const)('the connection serves on after %s', async (_name, method, headers, status) => {
  using agent = keepAliveAgent();
  const first = await exchange(server, method, blobPath('apps', digest), { headers, agent });
  expect(first.status).toBe(status);
  const second = await exchange(server, 'GET', blobPath('apps', digest), { agent });
  expect(second.reusedConnection).toBe(true);
  expect(second.bytes.equals(bytes)).toBe(true);
});

test('the connection serves on after a whole object of several files', async () => {
  using agent = keepAliveAgent();
  await exchange(server, 'GET', blobPath('apps', sha256(manyParts)), { agent });
  const second = await exchange(server, 'GET', blobPath('apps', digest), { agent });
  expect(second.reusedConnection).toBe(true);
});

test('a redirect that this store has none of is the bytes', async () => {
  const reply = await exchange(server, 'GET', `${blobPath('apps', digest)}?redirect=1`);
  expect(reply.status).toBe(200);
  expect(reply.bytes.equals(bytes)).toBe(true);
});
