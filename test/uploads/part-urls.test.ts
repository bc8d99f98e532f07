import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rawRequest, sendRaw } from '../http/raw-request.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, type Session, sendPart, sha256, uniqueBytes } from '../support/uploading.ts';
import { filesOf, rowOf } from './inspect.ts';

let server: TestServer;
const PART_URL_TTL_SECONDS = 100;

beforeAll(async () => {
  server = await startTestServer({ settings: { partUrlTtlSeconds: PART_URL_TTL_SECONDS } });
  await server.createRepository('apps');
});

afterAll(() => server.close());

interface Signed {
  session: Session;
  url: URL;
  headers: Record<string, string>;
  bytes: Buffer;
}

async function sign(part: Record<string, unknown> = {}, bytes = uniqueBytes(100)): Promise<Signed> {
  const session = await createSession(server, 'apps', bytes);
  const { json } = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1, ...part } });
  return { session, url: new URL(json.uploadUrl), headers: json.headers, bytes };
}

const put = (url: URL, body: Uint8Array, headers: Record<string, string> = {}) =>
  server.request('PUT', url.href, { token: null, body, headers });

const partsOf = async ({ session }: Signed) => (await server.request('GET', session.path)).json.parts;

const checked = (bytes: Buffer) => sign({ sha256: sha256(bytes), sizeBytes: bytes.length }, bytes);

test('a plain PUT of any bytes is taken, and answered by an ETag in quotes', async () => {
  const signed = await sign();
  const { status, headers } = await put(signed.url, signed.bytes);
  expect([status, headers.get('etag')]).toEqual([200, `"${sha256(signed.bytes)}"`]);
});

test('the address of the URL is the public one, whatever Host the part request named', async () => {
  const { session } = await sign();
  const { hostname, port } = new URL(server.url);
  const body = JSON.stringify({ partNumber: 1 });
  const { json } = await sendRaw(
    server.url,
    rawRequest(
      'POST',
      `${session.path}/parts`,
      {
        host: 'elsewhere.example',
        authorization: `Bearer ${server.adminToken}`,
        'content-type': 'application/json',
        'content-length': String(body.length),
      },
      body,
    ),
  );
  expect(new URL(json.uploadUrl).host).toBe(`${hostname}:${port}`);
});

describe('a URL that was tampered with takes nothing:', () => {
  const other = {
    part: '2',
    expires: '4102444800000',
    max: '1',
    sha256: 'b'.repeat(64),
    size: '7',
    signature: 'A'.repeat(43),
  };

  test.each(Object.entries(other))('another "%s" is a 403', async (field, value) => {
    const signed = await checked(uniqueBytes(100));
    signed.url.searchParams.set(field, value);
    const { status, json } = await put(signed.url, signed.bytes, signed.headers);
    expect([status, json.error]).toEqual([403, 'forbidden']);
    expect(await partsOf(signed)).toEqual([]);
  });

  test.each(['sha256', 'size'])('without its "%s" it is a 403', async (field) => {
    const signed = await checked(uniqueBytes(100));
    signed.url.searchParams.delete(field);
    expect((await put(signed.url, signed.bytes, signed.headers)).status).toBe(403);
  });

  test.each(['part', 'expires', 'max', 'signature'])('without its "%s" it is no URL of a part', async (field) => {
    const signed = await sign();
    signed.url.searchParams.delete(field);
    expect((await put(signed.url, signed.bytes)).status).toBe(400);
  });

  test.each(['sha256', 'size'])('with a "%s" of one\'s own it is a 403', async (field) => {
    const signed = await sign();
    signed.url.searchParams.set(field, other[field === 'size' ? 'size' : 'sha256']);
    expect((await put(signed.url, signed.bytes)).status).toBe(403);
  });

  test('a field twice is no URL of a part', async () => {
    const signed = await sign();
    signed.url.searchParams.append('part', '2');
    expect((await put(signed.url, signed.bytes)).status).toBe(400);
  });

  test('the key of another upload is a 403', async () => {
    const [signed, another] = [await sign(), await sign()];
    signed.url.pathname = another.url.pathname;
    expect((await put(signed.url, signed.bytes)).status).toBe(403);
    expect(await partsOf(another)).toEqual([]);
  });

  test.each([
    ['another attempt', (path: string) => path.replace(/-1$/, '-2')],
    ['another digest', (path: string) => path.replace(/sha256\/../, 'sha256/00')],
    ['a way out of the folder', () => '/v1/store/..%2F..%2Fpasswd'],
    ['no key at all', () => '/v1/store/'],
  ])('%s is refused', async (_what, change) => {
    const signed = await sign();
    signed.url.pathname = change(signed.url.pathname);
    expect([400, 403]).toContain((await put(signed.url, signed.bytes)).status);
  });

  test('the signature of another part of the same upload is a 403', async () => {
    const signed = await sign();
    const { json } = await server.request('POST', `${signed.session.path}/parts`, { json: { partNumber: 2 } });
    signed.url.searchParams.set('signature', new URL(json.uploadUrl).searchParams.get('signature') ?? '');
    expect((await put(signed.url, signed.bytes)).status).toBe(403);
  });
});

test('a URL past its time is a 403', async () => {
  const signed = await sign();
  server.clock.advance({ seconds: PART_URL_TTL_SECONDS });
  const { status, json } = await put(signed.url, signed.bytes);
  expect([status, json.error, json.message]).toEqual([403, 'forbidden', expect.stringContaining('expired')]);
});

describe('a URL takes no more bytes', () => {
  const ways = {
    'after complete': async (signed: Signed) => {
      await complete(server, signed.session, `"${sha256(signed.bytes)}"`);
    },
    'after commit': async (signed: Signed) => {
      await complete(server, signed.session, `"${sha256(signed.bytes)}"`);
      await server.request('POST', `${signed.session.path}/commit`);
    },
    'after an abort': async (signed: Signed) => {
      await server.request('POST', `${signed.session.path}/abort`);
    },
    'after an abort and the clean-up': async (signed: Signed) => {
      await server.request('POST', `${signed.session.path}/abort`);
      await server.runWorker();
    },
  };

  test.each(Object.entries(ways))('%s', async (_when, end) => {
    const signed = await sign();
    await put(signed.url, signed.bytes);
    await end(signed);
    const { status, json } = await put(signed.url, uniqueBytes(100));
    expect([status, json.error]).toEqual([409, 'conflict']);
  });

  test('after an abort, however many there are of them', async () => {
    const signed = await sign();
    await server.request('POST', `${signed.session.path}/abort`);
    const { status, json } = await put(signed.url, uniqueBytes(3 * 1024 ** 2));
    expect([status, json.error]).toEqual([409, 'conflict']);
  });

  test('after the deletion of the repository', async () => {
    await server.createRepository('short-lived');
    const session = await createSession(server, 'short-lived', uniqueBytes());
    const { json } = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    await server.request('DELETE', '/v1/repos/short-lived');
    expect((await put(new URL(json.uploadUrl), uniqueBytes())).status).toBe(409);
  });

  test('and leaves nothing of those that it refused', async () => {
    const signed = await sign();
    await put(signed.url, signed.bytes);
    await complete(server, signed.session, `"${sha256(signed.bytes)}"`);
    await put(signed.url, uniqueBytes(100));
    const { objectKey } = await rowOf(server, signed.session.uploadId);
    expect(await filesOf(server, objectKey)).toEqual([expect.stringMatching(/\.whole$/)]);
  });
});

describe('a part with its checksum announced', () => {
  test('is taken with the headers that came with its URL', async () => {
    const signed = await checked(uniqueBytes(100));
    expect((await put(signed.url, signed.bytes, signed.headers)).status).toBe(200);
  });

  test('is refused with other bytes of the same length', async () => {
    const signed = await checked(uniqueBytes(100));
    const { status, json } = await put(signed.url, uniqueBytes(100), signed.headers);
    expect([status, json.error]).toEqual([400, 'bad_request']);
    expect(await partsOf(signed)).toEqual([]);
  });

  test.each([
    ['without its header', {}],
    ['with the header of other bytes', { 'x-amz-checksum-sha256': Buffer.alloc(32).toString('base64') }],
    ['with its header in hex', { 'x-amz-checksum-sha256': 'a'.repeat(64) }],
  ])('is refused %s', async (_what, headers) => {
    const signed = await sign({ sha256: 'a'.repeat(64) });
    const { status, json } = await put(signed.url, signed.bytes, headers);
    expect([status, json.error]).toEqual([400, 'bad_request']);
  });

  test.each([99, 101])('is refused with %i bytes instead of 100', async (length) => {
    const signed = await sign({ sizeBytes: 100 });
    const { status, json } = await put(signed.url, uniqueBytes(length));
    expect([status, json.error]).toEqual([400, 'bad_request']);
    expect(await partsOf(signed)).toEqual([]);
  });
});

test('a body without its length is a 411', async () => {
  const signed = await sign();
  const chunked = rawRequest('PUT', signed.url.pathname + signed.url.search, { 'transfer-encoding': 'chunked' });
  const { status, json } = await sendRaw(server.url, `${chunked}3\r\nabc\r\n0\r\n\r\n`);
  expect([status, json.error]).toEqual([411, 'length_required']);
});

test('a body beyond 5 GiB is a 413, before it is sent', async () => {
  const signed = await sign();
  const headers = { 'content-length': String(5 * 1024 ** 3 + 1) };
  const { status, json } = await sendRaw(
    server.url,
    rawRequest('PUT', signed.url.pathname + signed.url.search, headers),
  );
  expect([status, json.error]).toEqual([413, 'payload_too_large']);
});

test('a client that breaks off in the middle leaves no part and no file', async () => {
  const signed = await sign();
  const body = new ReadableStream({
    pull(controller) {
      controller.enqueue(uniqueBytes(1000));
      controller.error(new Error('gone'));
    },
  });
  const sending = fetch(signed.url, { method: 'PUT', body, duplex: 'half', headers: { 'content-length': '5000' } });
  await expect(sending).rejects.toThrow();
  const { objectKey } = await rowOf(server, signed.session.uploadId);
  await expect.poll(() => filesOf(server, objectKey)).toEqual([]);
});

test('a second PUT replaces the part', async () => {
  const bytes = uniqueBytes(100);
  const signed = await sign({}, bytes);
  await put(signed.url, uniqueBytes(50));
  await put(signed.url, bytes);
  await complete(server, signed.session, `"${sha256(bytes)}"`);
  expect((await server.request('POST', `${signed.session.path}/commit`)).status).toBe(200);
});

test('a replaced part leaves no bytes behind once the upload is complete', async () => {
  const bytes = uniqueBytes(100);
  const signed = await sign({}, bytes);
  await put(signed.url, uniqueBytes(50));
  await put(signed.url, bytes);
  await complete(server, signed.session, `"${sha256(bytes)}"`);
  const { objectKey } = await rowOf(server, signed.session.uploadId);
  expect(await filesOf(server, objectKey)).toEqual([expect.stringMatching(/\.whole$/)]);
});

test('the URL needs no token, and one beside it changes nothing', async () => {
  const signed = await sign();
  expect((await server.request('PUT', signed.url.href, { token: 'aft_wrong', body: signed.bytes })).status).toBe(200);
});

describe('what signs a part URL opens nothing else:', () => {
  test.each(['signature', 'whole URL'])('its %s as a token is a 401', async (what) => {
    const { url } = await sign();
    const token = what === 'signature' ? (url.searchParams.get('signature') ?? '') : url.href;
    expect((await server.request('GET', '/v1/auth/whoami', { token })).status).toBe(401);
  });

  test.each(['GET', 'HEAD', 'POST', 'DELETE'])('%s of it is a 405', async (method) => {
    const { url } = await sign();
    expect((await server.request(method, url.href, { token: null })).status).toBe(405);
  });

  test('its query on the route of a session is a 401', async () => {
    const { session, url } = await sign();
    expect((await server.request('GET', `${session.path}${url.search}`, { token: null })).status).toBe(401);
  });
});

test('a part sent by its URL counts only for its own upload', async () => {
  const [first, second] = [await sign(), await sign()];
  await sendPart(server, first.session, first.bytes);
  expect((await complete(server, second.session, sha256(first.bytes))).status).toBe(409);
});
