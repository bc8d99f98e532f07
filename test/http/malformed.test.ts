import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, uniqueBytes } from '../support/uploading.ts';
import { converse } from './corpus/wire.ts';
import { expectError } from './expect-error.ts';
import { rawRequest, sendRaw } from './raw-request.ts';

let server: TestServer;
let uploadPath: string;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  uploadPath = (await createSession(server, 'apps', uniqueBytes())).path;
});

afterAll(() => server.close());

const JSON_HEADERS = { 'content-type': 'application/json' };
const postText = (path: string, body: string | Uint8Array, headers: Record<string, string> = JSON_HEADERS) =>
  server.request('POST', path, { body, headers });

describe('a body that is', () => {
  test.each([
    ['cut short', '{"repoKey":'],
    ['followed by something', '{"repoKey":"a","repoType":"local"} x'],
    ['no JSON at all', 'repoKey=a&repoType=local'],
    ['empty', ''],
    ['a list', '[]'],
    ['a number', '1'],
    ['a text', '"a"'],
    ['null', 'null'],
    ['nested too deep to be meant', '['.repeat(200_000)],
    ['about __proto__', '{"__proto__":{"admin":true},"repoKey":"a","repoType":"local"}'],
    ['about __proto__, escaped', '{"__pr\\u006fto__":{},"repoKey":"a","repoType":"local"}'],
    ['about the prototype of a constructor', '{"constructor":{"prototype":{}},"repoKey":"a","repoType":"local"}'],
  ])('%s is a 400', async (_name, body) => {
    expectError(await postText('/v1/repos', body), 400, 'bad_request');
  });

  test('declared as JSON in another letter case, with a charset, is read', async () => {
    const body = '{"repoKey":"charset","repoType":"local"}';
    expect((await postText('/v1/repos', body, { 'content-type': 'Application/JSON; charset=UTF-8' })).status).toBe(201);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    'nonsense',
    ';',
  ])('of the type %j is a 415', async (type) => {
    const reply = await postText('/v1/repos', '{"repoKey":"a","repoType":"local"}', { 'content-type': type });
    expectError(reply, 415, 'unsupported_media_type');
  });

  test('of no type is a 415', async () => {
    const headers = { authorization: `Bearer ${server.adminToken}`, 'content-length': '2' };
    const reply = await sendRaw(server.url, rawRequest('POST', '/v1/repos', headers, '{}'));
    expectError(reply, 415, 'unsupported_media_type');
  });

  test('over one MiB is a 413', async () => {
    expectError(await postText('/v1/repos', ' '.repeat(1024 ** 2 + 1)), 413, 'payload_too_large');
  });

  test('over one MiB does not keep the next request on its connection from its answer', async () => {
    const body = ' '.repeat(2 * 1024 ** 2);
    const headers = { 'x-bootstrap-token': server.bootstrapToken, connection: 'keep-alive', ...JSON_HEADERS };
    const tooLarge = rawRequest('POST', '/v1/auth/pats', { ...headers, 'content-length': String(body.length) }, body);
    const { answers } = await converse(server.url, tooLarge, rawRequest('GET', '/'));
    expect(answers.map(({ status }) => status)).toEqual([413, 200]);
  });

  test('over one MiB in pieces without a length is a 413', async () => {
    const headers = { authorization: `Bearer ${server.adminToken}`, ...JSON_HEADERS, 'transfer-encoding': 'chunked' };
    const piece = `10000\r\n${' '.repeat(0x10000)}\r\n`;
    const reply = await sendRaw(server.url, rawRequest('POST', '/v1/repos', headers, piece.repeat(17)));
    expectError(reply, 413, 'payload_too_large');
  });

  test('of one MiB is read', async () => {
    const json = '{"repoKey":"large","repoType":"local"}';
    expect((await postText('/v1/repos', json + ' '.repeat(1024 ** 2 - json.length))).status).toBe(201);
  });
});

test('one part and a list of parts in one body are a 400', async () => {
  const json = { partNumber: 1, parts: [{ partNumber: 2 }] };
  expectError(await server.request('POST', `${uploadPath}/parts`, { json }), 400, 'bad_request');
});

describe('JSON in another encoding than UTF-8:', () => {
  const body = '{"repoKey":"encoded","repoType":"local"}';

  test.each([
    ['UTF-16', Buffer.from(body, 'utf16le')],
    ['Latin-1', Buffer.from('{"repoKey":"\xe9","repoType":"local"}', 'latin1')],
    ['an overlong slash', Buffer.concat([Buffer.from('{"repoKey":"a'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')])],
    [
      'half a surrogate pair',
      Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    ],
    ['cut in a letter', Buffer.from('{"repoKey":"é').subarray(0, -1)],
  ])('%s is a 400', async (_name, bytes) => {
    expectError(await postText('/v1/repos', bytes), 400, 'bad_request');
  });

  test.each(['utf-16', 'iso-8859-1', '"utf-7"'])('declared as %s is a 415', async (charset) => {
    const reply = await postText('/v1/repos', body, { 'content-type': `application/json; charset=${charset}` });
    expectError(reply, 415, 'unsupported_media_type');
  });
});

test('a thousand things that are wrong are told in a short answer', async () => {
  const json = { parts: Array.from({ length: 1000 }, () => ({ partNumber: 'x'.repeat(100), etag: '' })) };
  const reply = await server.request('POST', `${uploadPath}/complete`, { json });
  expectError(reply, 400, 'bad_request');
  expect(reply.bytes.length).toBeLessThan(4_000);
});

/** Values that have broken servers before, as the JSON texts that they arrive in. */
const HOSTILE_VALUES = [
  'null',
  'true',
  '{}',
  '[]',
  '[[]]',
  '""',
  '" "',
  '"a\\u0000b"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0085"',
  '"\\ufeff"',
  '"\\u202e"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  `"';drop table tokens;--"`,
  '"%00"',
  '"{{1+1}}"',
  '"../../etc/passwd"',
  `"${'x'.repeat(100_000)}"`,
  `"${'é'.repeat(300)}"`,
  `"${'👩‍🚀'.repeat(100)}"`,
  '0',
  '-0',
  '-1',
  '0.1',
  '1e999',
  '-1e999',
  '1e308',
  '2147483648',
  '4294967296',
  '9007199254740991',
  '9007199254740993',
  '9223372036854775808',
  '1e-400',
  '123456789012345678901234567890',
  '{"toString":1}',
  '{"length":1e9}',
];

const DIGEST = 'a'.repeat(64);

/** Each field of each body, with the value to be filled in for `?`. */
const FIELDS: [field: string, method: string, path: () => string, body: string][] = [
  ['subject', 'POST', () => '/v1/auth/pats', '{"subject":?,"scopes":["repo:apps:read"],"ttlMinutes":30}'],
  ['scopes', 'POST', () => '/v1/auth/pats', '{"subject":"a","scopes":?,"ttlMinutes":30}'],
  ['a scope', 'POST', () => '/v1/auth/pats', '{"subject":"a","scopes":[?],"ttlMinutes":30}'],
  ['ttlMinutes', 'POST', () => '/v1/auth/pats', '{"subject":"a","scopes":["repo:apps:read"],"ttlMinutes":?}'],
  ['tokenId', 'POST', () => '/v1/auth/pats/revoke', '{"tokenId":?}'],
  ['repoKey', 'POST', () => '/v1/repos', '{"repoKey":?,"repoType":"local"}'],
  ['repoType', 'POST', () => '/v1/repos', '{"repoKey":"odd-type","repoType":?}'],
  ['upstreamUrl', 'POST', () => '/v1/repos', '{"repoKey":"odd-url","repoType":"remote","upstreamUrl":?}'],
  ['memberRepos', 'POST', () => '/v1/repos', '{"repoKey":"odd-members","repoType":"virtual","memberRepos":?}'],
  ['a member', 'POST', () => '/v1/repos', '{"repoKey":"odd-member","repoType":"virtual","memberRepos":[?]}'],
  ['roles', 'PUT', () => '/v1/repos/apps/bindings/a', '{"roles":?}'],
  ['a role', 'PUT', () => '/v1/repos/apps/bindings/a', '{"roles":[?]}'],
  ['expectedDigest', 'POST', () => '/v1/repos/apps/uploads', '{"expectedDigest":?,"expectedLength":5}'],
  ['expectedLength', 'POST', () => '/v1/repos/apps/uploads', `{"expectedDigest":"${DIGEST}","expectedLength":?}`],
  ['partNumber', 'POST', () => `${uploadPath}/parts`, '{"partNumber":?}'],
  ['sha256', 'POST', () => `${uploadPath}/parts`, '{"partNumber":1,"sha256":?}'],
  ['sizeBytes', 'POST', () => `${uploadPath}/parts`, '{"partNumber":1,"sizeBytes":?}'],
  ['parts to be sent', 'POST', () => `${uploadPath}/parts`, '{"parts":?}'],
  ['parts', 'POST', () => `${uploadPath}/complete`, '{"parts":?}'],
  ['etag', 'POST', () => `${uploadPath}/complete`, '{"parts":[{"partNumber":1,"etag":?}]}'],
  ['reason', 'POST', () => '/v1/repos/apps/uploads/00000000-0000-7000-8000-000000000000/abort', '{"reason":?}'],
  ['a field that there is not', 'POST', () => '/v1/auth/pats/revoke', '{"tokenId":"x","nothing":?}'],
];

test.each(FIELDS)(
  'no value of %s is anything but taken or refused in the shape of the contract',
  async (_field, method, path, body) => {
    const failures: unknown[] = [];
    for (const value of HOSTILE_VALUES) {
      const reply = await server.request(method, path(), {
        body: body.replace('?', () => value),
        headers: JSON_HEADERS,
      });
      const refused = reply.status >= 400 && reply.status < 500 && isErrorBody(reply);
      if (reply.status >= 300 && !refused)
        failures.push({ value: value.slice(0, 60), status: reply.status, json: reply.json });
    }
    expect(failures).toEqual([]);
  },
);

function isErrorBody({ json, headers }: { json: unknown; headers: Headers }): boolean {
  return (
    typeof json === 'object' &&
    json !== null &&
    'error' in json &&
    'message' in json &&
    'requestId' in json &&
    json.requestId === headers.get('x-request-id')
  );
}

const cursor = (text: string) => Buffer.from(text).toString('base64url');

describe.each([
  '/v1/repos',
  '/v1/auth/pats',
  '/v1/audit',
  '/v1/repos/apps/bindings',
  '/v1/repos/apps/uploads',
  '/v1/repos/apps/blobs',
])('the list %s', (path) => {
  test.each([1, 500])('takes a limit of %d', async (limit) => {
    expect((await server.request('GET', `${path}?limit=${limit}`)).status).toBe(200);
  });

  test.each(['', '0', '501', '-1', '1.5', 'ten', 'NaN', 'Infinity', '1e999', '99999999999999999999', '1&limit=2'])(
    'refuses the limit %j',
    async (limit) => {
      expectError(await server.request('GET', `${path}?limit=${limit}`), 400, 'bad_request');
    },
  );

  test.each([
    ['nothing', ''],
    ['no base64url', '%21%21%21'],
    ['padding', 'MQ=='],
    ['a text', cursor('hello')],
    ['a number below zero', cursor('-1')],
    ['a number that no row has', cursor('9'.repeat(40))],
    ['SQL', cursor("1' or true--")],
    ['a NUL', cursor('1\u0000')],
    ['a NUL in a subject', cursor('1:\u0000')],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe]).toString('base64url')],
    ['half of a surrogate pair', '7aCA'],
    ['600 characters', 'A'.repeat(600)],
    ['two', 'MQ&cursor=MQ'],
  ])('refuses a cursor of %s', async (_name, value) => {
    expectError(await server.request('GET', `${path}?cursor=${value}`), 400, 'bad_request');
  });
});

describe('a path with', () => {
  const get = (path: string) =>
    sendRaw(server.url, rawRequest('GET', path, { authorization: `Bearer ${server.adminToken}` }));

  test.each([
    ['an empty key', '/v1/repos/'],
    ['an empty key before more', '/v1/repos//blobs'],
    ['a broken escape', '/v1/repos/%zz'],
    ['half an escape', '/v1/repos/a%'],
    ['an escape that is no UTF-8', '/v1/repos/%ff'],
    ['an escaped surrogate', '/v1/repos/%ed%a0%80'],
    ['an escaped NUL', '/v1/repos/a%00b'],
    ['an escaped slash in a key', '/v1/repos/a%2fb'],
    ['an escaped line break in a key', '/v1/repos/a%0d%0ab'],
    ['a key of 65 characters', `/v1/repos/${'a'.repeat(65)}`],
    ['a key of 5,000 characters', `/v1/repos/${'a'.repeat(5_000)}`],
    ['a subject of 5,000 characters', `/v1/repos/apps/blobs/${'a'.repeat(5_000)}`],
    ['an upload id that is none', '/v1/repos/apps/uploads/%27'],
    ['a broken escape in a subject', '/v1/repos/apps/blobs/%c3%28'],
    ['an escape in a digest', `/v1/repos/apps/blobs/${'a'.repeat(63)}%00`],
  ])('%s is a 400', async (_name, path) => {
    expectError(await get(path), 400, 'bad_request');
  });

  test('a broken escape is refused without telling what the server is made of', async () => {
    expect(JSON.stringify((await get('/v1/repos/%zz')).json)).not.toMatch(/FST_|fastify/i);
  });

  test('a broken escape in a query is taken as it stands', async () => {
    expect((await get('/v1/repos?nothing=%zz')).status).toBe(200);
  });
});
