import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, sendPart, sha256, uniqueBytes } from '../support/uploading.ts';
import { type Held, inState, twoParts } from './in-state.ts';
import { rowOf, trailOf } from './inspect.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
});

afterAll(() => server.close());

interface Part {
  partNumber: number;
  etag: string;
}

const complete = (held: { path: string }, parts: unknown) =>
  server.request('POST', `${held.path}/complete`, { json: { parts } });
const commit = (held: { path: string }) => server.request('POST', `${held.path}/commit`);
const listed = (etags: string[]): Part[] => etags.map((etag, index) => ({ partNumber: index + 1, etag }));

describe('ETags are taken', () => {
  test.each([
    ['in quotes, as they came', (etag: string) => etag],
    ['without quotes', (etag: string) => etag.replaceAll('"', '')],
    ['between blanks', (etag: string) => ` ${etag} `],
    ['made weak by a proxy', (etag: string) => `W/${etag}`],
  ])('%s', async (_form, write) => {
    const held = await inState(server, 'parts_uploading');
    expect((await complete(held, [{ partNumber: 1, etag: write(held.etag) }])).status).toBe(200);
  });
});

test('parts may be named in any order: the object is in the order of their numbers', async () => {
  const held = await twoParts(server, 'apps', { complete: false });
  expect((await complete(held, listed(held.etags).toReversed())).status).toBe(200);
  expect((await commit(held)).json).toMatchObject({ digest: sha256(held.bytes) });
});

test('part numbers may have gaps', async () => {
  const bytes = uniqueBytes();
  const session = await createSession(server, 'apps', bytes);
  const etag = await sendPart(server, session, bytes, { partNumber: 10_000 });
  expect((await complete(session, [{ partNumber: 10_000, etag }])).status).toBe(200);
  expect((await commit(session)).status).toBe(200);
});

test('a part that is left out is not in the object', async () => {
  const bytes = uniqueBytes();
  const session = await createSession(server, 'apps', bytes);
  await sendPart(server, session, uniqueBytes(), { partNumber: 1 });
  const etag = await sendPart(server, session, bytes, { partNumber: 2 });
  await complete(session, [{ partNumber: 2, etag }]);
  expect((await commit(session)).json).toMatchObject({ digest: sha256(bytes) });
});

describe('what can not be is a 409, state kept, and mended by what can:', () => {
  test.each<[string, (held: Held) => Part[]]>([
    ['a part that was not sent', ({ etag }) => [...listed([etag]), { partNumber: 2, etag }]],
    ['only a part that was not sent', ({ etag }) => [{ partNumber: 7, etag }]],
    ['another ETag', () => listed([sha256(uniqueBytes())])],
    ['what no store would answer as an ETag', () => listed(['no ETag, but <text>'])],
  ])('%s', async (_what, wrong) => {
    const held = await inState(server, 'parts_uploading');
    const refused = await complete(held, wrong(held));
    expect([refused.status, refused.json.error]).toEqual([409, 'conflict']);
    expect(await rowOf(server, held.uploadId)).toMatchObject({ state: 'parts_uploading' });
    expect((await complete(held, listed([held.etag]))).status).toBe(200);
    expect((await commit(held)).status).toBe(200);
  });

  test('a part under 5 MiB that is not the last', async () => {
    const held = await inState(server, 'parts_uploading');
    const etag = await sendPart(server, held, uniqueBytes(10), { partNumber: 2 });
    const refused = await complete(held, listed([held.etag, etag]));
    expect([refused.status, refused.json.message]).toEqual([409, expect.stringContaining('part 1 has 100 bytes')]);
    expect((await complete(held, listed([held.etag]))).status).toBe(200);
  });

  test('the ETag of a part that was replaced', async () => {
    const held = await inState(server, 'parts_uploading');
    const etag = await sendPart(server, held, uniqueBytes(100));
    expect((await complete(held, listed([held.etag]))).status).toBe(409);
    expect((await complete(held, listed([etag]))).status).toBe(200);
  });

  test('none of these leaves a row', async () => {
    const held = await inState(server, 'parts_uploading');
    await complete(held, [{ partNumber: 7, etag: held.etag }]);
    expect(await trailOf(server, held.uploadId)).not.toContain('upload.completed');
  });
});

test('the 409 names the part and says what to do', async () => {
  const held = await inState(server, 'parts_uploading');
  const { json } = await complete(held, [{ partNumber: 7, etag: held.etag }]);
  expect(json.message).toBe(
    "The upload can't be completed: part 7 was not uploaded. Upload that part again, or complete without it.",
  );
});

test.each([
  ['no body', undefined],
  ['no parts', {}],
  ['an empty list of parts', { parts: [] }],
  ['a part twice', { parts: [...listed(['a']), ...listed(['a'])] }],
  ['part 0', { parts: [{ partNumber: 0, etag: 'a' }] }],
  ['part 10,001', { parts: [{ partNumber: 10_001, etag: 'a' }] }],
  ['more than 10,000 parts', { parts: listed(Array.from({ length: 10_001 }, () => 'a')) }],
  ['a part without its ETag', { parts: [{ partNumber: 1 }] }],
  ['an empty ETag', { parts: [{ partNumber: 1, etag: '""' }] }],
  ['an ETag with a quote inside', { parts: [{ partNumber: 1, etag: 'a"b' }] }],
  ['a number as ETag', { parts: [{ partNumber: 1, etag: 1 }] }],
])('%s is a 400, state kept', async (_what, body) => {
  const held = await inState(server, 'parts_uploading');
  const { status, json } = await server.request('POST', `${held.path}/complete`, { json: body });
  expect([status, json.error]).toEqual([400, 'bad_request']);
  expect(await rowOf(server, held.uploadId)).toMatchObject({ state: 'parts_uploading' });
});

test('10,000 parts fit one request', async () => {
  const held = await inState(server, 'parts_uploading');
  const etag = `"${'e'.repeat(64)}"`;
  const { status } = await complete(held, listed(Array.from({ length: 10_000 }, () => etag)));
  expect(status).toBe(409);
});

describe('an upload of three parts', () => {
  const large = () => uniqueBytes(5 * 1024 ** 2 + 17);

  test('is read back as it was sent', async () => {
    const parts = [large(), large(), uniqueBytes(5)];
    const bytes = Buffer.concat(parts);
    const session = await createSession(server, 'apps', bytes);
    const sending = parts.map((part, index) => sendPart(server, session, part, { partNumber: index + 1 }));
    await complete(session, listed(await Promise.all(sending)));
    expect((await commit(session)).json).toMatchObject({ digest: sha256(bytes), length: bytes.length });
    const read = await server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    expect(sha256(read.bytes)).toBe(sha256(bytes));
  });

  test('in another order than its bytes is a mismatch', async () => {
    const parts = [large(), large(), uniqueBytes(5)] as const;
    const session = await createSession(server, 'apps', Buffer.concat([parts[1], parts[0], parts[2]]));
    const sending = parts.map((part, index) => sendPart(server, session, part, { partNumber: index + 1 }));
    await complete(session, listed(await Promise.all(sending)));
    const { status, json } = await commit(session);
    expect([status, json]).toEqual([
      409,
      expect.objectContaining({ error: 'upload_verification_failed', actualDigest: sha256(Buffer.concat(parts)) }),
    ]);
  });
});
