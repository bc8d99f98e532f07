import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { blobPath, store, unknownDigest } from './support.ts';
import { exchange } from './wire.ts';

let server: TestServer;
let bytes: Buffer;
let digest: string;
let tokens: Record<'read' | 'write' | 'admin' | 'promote' | 'elsewhere' | 'everywhere', string>;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  await server.createRepository('other');
  bytes = uniqueBytes();
  digest = await store(server, 'apps', bytes);
  tokens = {
    read: await server.issueToken('reader', ['repo:apps:read']),
    write: await server.issueToken('writer', ['repo:apps:write']),
    admin: await server.issueToken('owner', ['repo:apps:admin']),
    promote: await server.issueToken('promoter', ['repo:apps:promote']),
    elsewhere: await server.issueToken('stranger', ['repo:other:admin']),
    everywhere: await server.issueToken('auditor', ['repo:*:read']),
  };
});

afterAll(() => server.close());

test.each(['GET', 'HEAD'])("another repository's blob answers %s as one that exists nowhere", async (method) => {
  const nowhere = unknownDigest();
  const held = await exchange(server, method, blobPath('other', digest));
  const unheld = await exchange(server, method, blobPath('other', nowhere));
  const comparable = (reply: typeof held, asked: string) => ({
    status: reply.status,
    headers: { ...reply.headers, date: '', 'x-request-id': '' },
    body: reply.bytes
      .toString()
      .replace(String(reply.headers['x-request-id']), '<requestId>')
      .replace(asked, '<digest>'),
  });
  expect(held.status).toBe(404);
  expect(comparable(held, digest)).toEqual(comparable(unheld, nowhere));
});

test('a Range and a condition tell nothing of a blob that another repository holds', async () => {
  const headers = { range: 'bytes=5000-', 'if-none-match': '*' };
  expect(await exchange(server, 'GET', blobPath('other', digest), { headers })).toMatchObject({ status: 404 });
});

test.each([
  ['read', 200],
  ['write', 200],
  ['admin', 200],
  ['everywhere', 200],
  ['promote', 403],
  ['elsewhere', 403],
] as const)('a token with %s reads with %i', async (role, status) => {
  const token = tokens[role];
  const answers = [
    await server.request('GET', blobPath('apps', digest), { token }),
    await server.request('HEAD', blobPath('apps', digest), { token }),
    await server.request('GET', '/v1/repos/apps/blobs', { token }),
  ];
  expect(answers.map((answer) => answer.status)).toEqual([status, status, status]);
});

test.each([
  ['write', 201],
  ['admin', 201],
  ['read', 403],
  ['everywhere', 403],
  ['promote', 403],
  ['elsewhere', 403],
] as const)('a token with %s writes with %i', async (role, status) => {
  const body = uniqueBytes();
  const token = tokens[role];
  const target = blobPath('apps', sha256(body));
  expect(await server.request('PUT', target, { token, body })).toMatchObject({ status });
});

test.each(['read', 'write', 'everywhere', 'promote', 'elsewhere'] as const)(
  'a token with %s may not delete',
  async (role) => {
    const token = tokens[role];
    expect(await server.request('DELETE', blobPath('apps', digest), { token })).toMatchObject({ status: 403 });
  },
);

test.each(['GET', 'HEAD', 'PUT', 'DELETE'])('%s without a token is a 401 that says how', async (method) => {
  const body = method === 'PUT' ? { body: bytes } : {};
  const reply = await server.request(method, blobPath('apps', digest), { token: null, ...body });
  expect(reply.status).toBe(401);
  expect(reply.headers.get('www-authenticate')).toBe('Bearer');
});

test.each(['GET', 'HEAD', 'PUT', 'DELETE'])(
  '%s is refused with 403 alike whether the repository and the blob exist or not',
  async (method) => {
    const token = tokens.elsewhere;
    const body = method === 'PUT' ? { body: bytes } : {};
    const bodies = [];
    for (const target of [blobPath('apps', digest), blobPath('apps', unknownDigest()), blobPath('nowhere', digest)]) {
      const reply = await server.request(method, target, { token, ...body });
      bodies.push({ status: reply.status, error: reply.json?.error, message: reply.json?.message });
    }
    expect(bodies).toEqual([bodies[0], bodies[0], bodies[0]]);
    expect(bodies[0]?.status).toBe(403);
  },
);

test('a repository that is not there is a 404 to whoever may read everywhere', async () => {
  expect(await server.request('GET', blobPath('nowhere', digest))).toMatchObject({
    status: 404,
    json: { error: 'not_found' },
  });
});

test.each<[string, (digest: string) => string]>([
  ['lowercase', (hex) => hex],
  ['uppercase', (hex) => hex.toUpperCase()],
  ['with sha256:', (hex) => `sha256:${hex}`],
  ['with SHA256: in uppercase', (hex) => `SHA256:${hex.toUpperCase()}`],
  ['with a percent-encoded colon', (hex) => `sha256%3A${hex}`],
  [
    'percent-encoded to the last character',
    (hex) => hex.replace(/./g, (character) => `%${character.charCodeAt(0).toString(16)}`),
  ],
  ['with white space around it', (hex) => `%20${hex}%09`],
])('a digest %s finds the blob', async (_name, write) => {
  const reply = await exchange(server, 'GET', blobPath('apps', write(digest)));
  expect(reply.status).toBe(200);
  expect(reply.headers.etag).toBe(`"${digest}"`);
});

const MALFORMED_DIGESTS: [string, (digest: string) => string][] = [
  ['one character too short', (hex) => hex.slice(1)],
  ['one character too long', (hex) => `${hex}0`],
  ['of one character', () => 'a'],
  ['not in hex', (hex) => `g${hex.slice(1)}`],
  ['in fullwidth digits', (hex) => `%EF%BC%91${hex.slice(1)}`],
  ['of another algorithm', (hex) => `sha512:${hex}`],
  ['with sha256: twice', (hex) => `sha256:sha256:${hex}`],
  ['with sha256: alone', () => 'sha256:'],
  ['with sha256- before it', (hex) => `sha256-${hex}`],
  ['with an encoded slash', (hex) => `..%2F${hex}`],
  ['with an encoded NUL', (hex) => `${hex}%00`],
  ['with an encoded line feed inside', (hex) => `${hex.slice(0, 32)}%0A${hex.slice(32)}`],
  ['with a broken percent-encoding', (hex) => `${hex}%zz`],
  ['with an encoding that is no UTF-8', (hex) => `${hex}%ff`],
  ['of 4,000 characters', () => 'a'.repeat(4000)],
  ['of 8,000 characters', () => 'a'.repeat(8000)],
];

test.each(MALFORMED_DIGESTS)('a digest %s is a 400', async (_name, write) => {
  const reply = await exchange(server, 'GET', blobPath('apps', write(digest)));
  expect({ status: reply.status, body: JSON.parse(reply.bytes.toString()) }).toEqual({
    status: 400,
    body: { error: 'bad_request', message: expect.any(String), requestId: reply.headers['x-request-id'] },
  });
});

test.each(['HEAD', 'PUT', 'DELETE'])('%s takes no malformed digest either', async (method) => {
  const body = method === 'PUT' ? { body: bytes } : {};
  const reply = await exchange(server, method, blobPath('apps', 'abc'), body);
  expect(reply.status).toBe(400);
});

test('the key of the repository is found in any case', async () => {
  expect(await exchange(server, 'GET', blobPath('APPS', digest))).toMatchObject({ status: 200 });
});

test.each(['remote', 'virtual'])('a %s repository holds no blob', async (repoType) => {
  const of = repoType === 'remote' ? { upstreamUrl: 'https://example.org' } : { memberRepos: ['apps'] };
  await server.request('POST', '/v1/repos', { json: { repoKey: repoType, repoType, ...of } });
  expect(await exchange(server, 'GET', blobPath(repoType, digest))).toMatchObject({ status: 404 });
});
