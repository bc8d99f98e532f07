import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, type Session, sendPart, sha256, uniqueBytes } from '../support/uploading.ts';
import { rowOf, trailOf } from './inspect.ts';

let server: TestServer;
const UPLOAD_TTL_SECONDS = 600;
const PART_URL_TTL_SECONDS = 100;

beforeAll(async () => {
  server = await startTestServer({
    settings: { uploadTtlSeconds: UPLOAD_TTL_SECONDS, partUrlTtlSeconds: PART_URL_TTL_SECONDS },
  });
  await server.createRepository('apps');
});

afterAll(() => server.close());

const start = (bytes: Uint8Array = uniqueBytes()) => createSession(server, 'apps', bytes);
const ask = (session: Session, json: unknown) => server.request('POST', `${session.path}/parts`, { json });
const numbered = (count: number) => Array.from({ length: count }, (_, index) => ({ partNumber: index + 1 }));
const digest = 'a'.repeat(64);

describe('a part request', () => {
  test.each([
    ['the first part', { partNumber: 1 }, 1],
    ['the last part', { partNumber: 10_000 }, 1],
    ['one part as a list', { parts: [{ partNumber: 5 }] }, 1],
    ['a thousand parts', { parts: numbered(1000) }, 1000],
    ['parts in any order', { parts: [{ partNumber: 9 }, { partNumber: 2 }] }, 2],
    ['a size', { partNumber: 1, sizeBytes: 1 }, 1],
    ['null for what is left out', { partNumber: 1, sizeBytes: null, sha256: null, parts: null }, 1],
    ['null for what is left out of a list', { partNumber: null, parts: [{ partNumber: 1, sha256: null }] }, 1],
    ['the largest size', { partNumber: 1, sizeBytes: 5 * 1024 ** 3 }, 1],
  ])('takes %s', async (_what, body, count) => {
    const { status, json } = await ask(await start(), body);
    expect([status, [json.parts ?? json].flat().length]).toEqual([200, count]);
  });

  test.each([
    ['no body', undefined],
    ['no part', {}],
    ['no parts', { parts: [] }],
    ['more than a thousand parts', { parts: numbered(1001) }],
    ['one part beside a list', { partNumber: 1, parts: [{ partNumber: 2 }] }],
    ['part 0', { partNumber: 0 }],
    ['part 10,001', { partNumber: 10_001 }],
    ['part 1.5', { partNumber: 1.5 }],
    ['part "1"', { partNumber: '1' }],
    ['a part number twice', { parts: [{ partNumber: 1 }, { partNumber: 1 }] }],
    ['a list with one part out of bounds', { parts: [{ partNumber: 1 }, { partNumber: 10_001 }] }],
    ['a size of nothing', { partNumber: 1, sizeBytes: 0 }],
    ['a size beyond 5 GiB', { partNumber: 1, sizeBytes: 5 * 1024 ** 3 + 1 }],
    ['a checksum that is none', { partNumber: 1, sha256: 'abc' }],
    ['a checksum on one part of two', { parts: [{ partNumber: 1, sha256: digest }, { partNumber: 2 }] }],
  ])('with %s is a 400, state kept', async (_what, body) => {
    const session = await start();
    const { status, json } = await ask(session, body);
    expect([status, json.error]).toEqual([400, 'bad_request']);
    expect(await rowOf(server, session.uploadId)).toMatchObject({ state: 'initiated' });
  });

  test('answers the parts in the order asked for', async () => {
    const { json } = await ask(await start(), { parts: [{ partNumber: 9 }, { partNumber: 2 }] });
    expect(json.parts.map((part: { partNumber: number }) => part.partNumber)).toEqual([9, 2]);
  });

  test('for many parts leaves one row, with their numbers', async () => {
    const session = await start();
    await ask(session, { parts: [{ partNumber: 3 }, { partNumber: 1 }] });
    expect(await trailOf(server, session.uploadId)).toEqual(['upload.session.created', 'upload.part.presigned']);
    const { json } = await server.request(
      'GET',
      `/v1/audit?resourceId=${session.uploadId}&action=upload.part.presigned`,
    );
    expect(json.items).toMatchObject([{ details: { partNumbers: [3, 1] } }]);
  });
});

describe('checksums, which the first part request decides on:', () => {
  const plain = { partNumber: 1 };
  const checked = { partNumber: 1, sha256: digest };

  test.each([
    ['with them, a later part without one is a 400', checked, { partNumber: 2 }],
    ['without them, a later part with one is a 400', plain, { partNumber: 2, sha256: digest }],
    ['with them, the same part without one is a 400', checked, plain],
    ['with them, a list without them is a 400', checked, { parts: [{ partNumber: 2 }, { partNumber: 3 }] }],
  ])('%s', async (_what, first, later) => {
    const session = await start();
    await ask(session, first);
    const { status, json } = await ask(session, later);
    expect([status, json.error]).toEqual([400, 'bad_request']);
  });

  test('a refused mixture leaves no row', async () => {
    const session = await start();
    await ask(session, checked);
    await ask(session, plain);
    expect(await trailOf(server, session.uploadId)).toEqual(['upload.session.created', 'upload.part.presigned']);
  });

  test.each([
    ['checked', checked, true],
    ['plain', plain, false],
  ])('the session says that it is %s', async (_mode, first, checksummed) => {
    const session = await start();
    await ask(session, first);
    expect((await server.request('GET', session.path)).json).toMatchObject({ checksummed });
  });

  test('a checksum is signed as the header that S3 takes', async () => {
    const bytes = uniqueBytes();
    const { json } = await ask(await start(bytes), { partNumber: 1, sha256: `sha256:${sha256(bytes).toUpperCase()}` });
    expect(json.headers).toEqual({ 'x-amz-checksum-sha256': Buffer.from(sha256(bytes), 'hex').toString('base64') });
  });

  test('a part of a plain session needs no header', async () => {
    expect((await ask(await start(), plain)).json.headers).toEqual({});
  });

  test('a checked upload of one part is committed', async () => {
    const bytes = uniqueBytes();
    const session = await start(bytes);
    await complete(server, session, await sendPart(server, session, bytes, { checksummed: true }));
    expect((await server.request('POST', `${session.path}/commit`)).json).toMatchObject({ digest: sha256(bytes) });
  });
});

describe('the URL of a part is good until', () => {
  const msUntil = (text: string) => new Date(text).getTime() - server.clock.now().getTime();

  test('the time of URLs is over', async () => {
    const { json } = await ask(await start(), { partNumber: 1 });
    expect(msUntil(json.expiresAtUtc) / 1000).toBeGreaterThan(PART_URL_TTL_SECONDS - 10);
    expect(msUntil(json.expiresAtUtc) / 1000).toBeLessThanOrEqual(PART_URL_TTL_SECONDS);
  });

  test('the time of its session is over, where that is sooner', async () => {
    const session = await start();
    server.clock.advance({ seconds: UPLOAD_TTL_SECONDS - PART_URL_TTL_SECONDS / 2 });
    const { json } = await ask(session, { partNumber: 1 });
    expect(json.expiresAtUtc).toBe(session.created.json.expiresAtUtc);
  });
});

describe('what a client needs to resume', () => {
  test('is the parts that are there, in order, with ETags in quotes', async () => {
    const session = await start();
    const [second, first] = [uniqueBytes(20), uniqueBytes(10)];
    const etags = [
      await sendPart(server, session, second, { partNumber: 2 }),
      await sendPart(server, session, first, { partNumber: 1 }),
    ];
    expect((await server.request('GET', session.path)).json.parts).toEqual([
      { partNumber: 1, sizeBytes: 10, etag: etags[1] },
      { partNumber: 2, sizeBytes: 20, etag: etags[0] },
    ]);
    expect(etags.every((etag) => /^"[0-9a-f]+"$/.test(etag))).toBe(true);
  });

  test('is of a part sent again what was sent last', async () => {
    const session = await start();
    const last = uniqueBytes(30);
    await sendPart(server, session, uniqueBytes(10));
    const etag = await sendPart(server, session, last);
    expect((await server.request('GET', session.path)).json.parts).toEqual([{ partNumber: 1, sizeBytes: 30, etag }]);
  });

  test('is an empty list before the first part', async () => {
    const session = await start();
    await ask(session, { partNumber: 1 });
    expect((await server.request('GET', session.path)).json.parts).toEqual([]);
  });

  test('is what the PUT answered as its ETag', async () => {
    const session = await start();
    const etag = await sendPart(server, session, uniqueBytes());
    expect((await server.request('GET', session.path)).json.parts).toMatchObject([{ etag }]);
  });
});
