import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EMPTY_DIGEST } from '../../src/objects/digest.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { blobOf, count, foldersOf, trailOf } from './inspect.ts';

let server: TestServer;
const MAXIMUM_BYTES = 1_000_000;

beforeAll(async () => {
  server = await startTestServer({ settings: { maximumArtifactBytes: MAXIMUM_BYTES } });
  await server.createRepository('apps');
  await server.createRepository('libs');
});

afterAll(() => server.close());

const create = (json: unknown, repoKey = 'apps', token?: string) =>
  server.request('POST', `/v1/repos/${repoKey}/uploads`, { json, ...(token === undefined ? {} : { token }) });

const sessionCount = () => count(server, sql<{ n: number }>`select count(*) as n from upload_sessions`);

describe('a session that waits for bytes', () => {
  test('is answered by 201, where it is, and what comes next', async () => {
    const digest = sha256(uniqueBytes());
    const { status, headers, json } = await create({ expectedDigest: digest, expectedLength: 1000 });
    expect({ status, location: headers.get('location'), body: json }).toEqual({
      status: 201,
      location: `/v1/repos/apps/uploads/${json.uploadId}`,
      body: {
        uploadId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        repoKey: 'apps',
        expectedDigest: digest,
        expectedLength: 1000,
        state: 'initiated',
        deduped: false,
        expiresAtUtc: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        nextAction: {
          action: 'upload_parts',
          method: 'POST',
          url: `${server.url}/v1/repos/apps/uploads/${json.uploadId}/parts`,
          minimumPartSizeBytes: 5 * 1024 ** 2,
          suggestedPartSizeBytes: 64 * 1024 ** 2,
          maximumPartSizeBytes: 5 * 1024 ** 3,
          maximumPartNumber: 10_000,
        },
      },
    });
  });

  test('is found at its Location', async () => {
    const { headers, json } = await create({ expectedDigest: sha256(uniqueBytes()), expectedLength: 1000 });
    const found = await server.request('GET', headers.get('location') ?? '');
    expect(found.json).toMatchObject({ uploadId: json.uploadId, state: 'initiated', parts: [] });
  });

  test('is led to its commit by following nextAction blindly', async () => {
    const bytes = uniqueBytes();
    let session = (await create({ expectedDigest: sha256(bytes), expectedLength: bytes.length })).json;
    const parts = await server.request(session.nextAction.method, session.nextAction.url, { json: { partNumber: 1 } });
    const put = await server.request('PUT', parts.json.uploadUrl, { token: null, body: bytes });
    const path = `/v1/repos/apps/uploads/${session.uploadId}`;
    await server.request('POST', `${path}/complete`, {
      json: { parts: [{ partNumber: 1, etag: put.headers.get('etag') }] },
    });
    session = (await server.request('GET', path)).json;
    expect(session.nextAction).toMatchObject({ action: 'commit' });
    const committed = await server.request(session.nextAction.method, session.nextAction.url);
    expect(committed.json).toMatchObject({ state: 'committed', digest: sha256(bytes) });
  });

  test('has its one row', async () => {
    const { json } = await create({ expectedDigest: sha256(uniqueBytes()), expectedLength: 1000 });
    expect(await trailOf(server, json.uploadId)).toEqual(['upload.session.created']);
  });
});

test('parts are suggested so large that no more are needed than there may be', async () => {
  const large = await startTestServer();
  await large.createRepository('apps');
  const expectedLength = 5 * 1024 ** 4;
  const { json } = await large.request('POST', '/v1/repos/apps/uploads', {
    json: { expectedDigest: sha256(uniqueBytes()), expectedLength },
  });
  const { suggestedPartSizeBytes, maximumPartNumber } = json.nextAction;
  await large.close();
  expect(suggestedPartSizeBytes * maximumPartNumber).toBeGreaterThanOrEqual(expectedLength);
});

test.each([
  ['in upper case', (digest: string) => digest.toUpperCase()],
  ['with "sha256:" before it', (digest: string) => `sha256:${digest}`],
  ['with "SHA256:" before it', (digest: string) => `SHA256:${digest}`],
  ['between blanks', (digest: string) => ` ${digest}\n`],
])('a digest %s is taken for what it is', async (_form, write) => {
  const digest = sha256(uniqueBytes());
  const { status, json } = await create({ expectedDigest: write(digest), expectedLength: 1 });
  expect([status, json.expectedDigest]).toEqual([201, digest]);
});

const digest = 'a'.repeat(64);

test.each([
  ['no body', undefined],
  ['no object', []],
  ['no digest', { expectedLength: 1 }],
  ['no length', { expectedDigest: digest }],
  ['a digest of 63 characters', { expectedDigest: digest.slice(1), expectedLength: 1 }],
  ['a digest of 65 characters', { expectedDigest: `${digest}a`, expectedLength: 1 }],
  ['a digest that is not hex', { expectedDigest: `${digest.slice(1)}g`, expectedLength: 1 }],
  ['a digest of another algorithm', { expectedDigest: `sha512:${digest}`, expectedLength: 1 }],
  ['"sha256:" twice', { expectedDigest: `sha256:sha256:${digest}`, expectedLength: 1 }],
  ['a digest that is a number', { expectedDigest: 7, expectedLength: 1 }],
  ['a digest that is null', { expectedDigest: null, expectedLength: 1 }],
  ['a length that is a text', { expectedDigest: digest, expectedLength: '1' }],
  ['a length below zero', { expectedDigest: digest, expectedLength: -1 }],
  ['half a byte', { expectedDigest: digest, expectedLength: 1.5 }],
  ['a length that no integer holds', { expectedDigest: digest, expectedLength: 2 ** 53 }],
  ['a length that is null', { expectedDigest: digest, expectedLength: null }],
  ['the digest of nothing with a length', { expectedDigest: EMPTY_DIGEST, expectedLength: 1 }],
  ['length 0 with the digest of something', { expectedDigest: digest, expectedLength: 0 }],
])('%s is a 400, and starts nothing', async (_what, body) => {
  const before = await sessionCount();
  const refused = await create(body);
  expect([refused.status, refused.json.error]).toEqual([400, 'bad_request']);
  expect(await sessionCount()).toBe(before);
});

test('the largest artifact that may be declared may be', async () => {
  expect((await create({ expectedDigest: digest, expectedLength: MAXIMUM_BYTES })).status).toBe(201);
});

test('one byte more is a 413', async () => {
  const { status, json } = await create({ expectedDigest: digest, expectedLength: MAXIMUM_BYTES + 1 });
  expect([status, json.error]).toEqual([413, 'payload_too_large']);
});

test('a repository that is not there is a 404', async () => {
  const { status, json } = await create({ expectedDigest: digest, expectedLength: 1 }, 'nowhere');
  expect([status, json.error]).toEqual([404, 'not_found']);
});

describe('bytes that are there already', () => {
  test('are not asked for again: 200, committed, no next action', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const { status, json } = await create({ expectedDigest: sha256(bytes), expectedLength: bytes.length });
    expect([status, json]).toEqual([
      200,
      {
        uploadId: expect.any(String),
        repoKey: 'apps',
        expectedDigest: sha256(bytes),
        expectedLength: bytes.length,
        state: 'committed',
        deduped: true,
        expiresAtUtc: expect.any(String),
        nextAction: null,
      },
    ]);
  });

  test('are readable in the other repository from then on', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    await createSession(server, 'libs', bytes);
    const { bytes: read } = await server.request('GET', `/v1/repos/libs/blobs/${sha256(bytes)}`);
    expect(read.equals(bytes)).toBe(true);
  });

  test('leave the rows of a creation and of a commit', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const { uploadId } = await createSession(server, 'libs', bytes);
    expect(await trailOf(server, uploadId)).toEqual(['upload.session.created', 'upload.committed']);
  });

  test('but with another length declared are not deduplicated', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const { status, json } = await create({ expectedDigest: sha256(bytes), expectedLength: bytes.length + 1 });
    expect([status, json.deduped]).toEqual([201, false]);
  });

  test('but condemned are asked for again', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    await server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    expect((await createSession(server, 'apps', bytes)).created.status).toBe(201);
  });
});

describe('bytes in a repository that the caller may not read', () => {
  test('are asked for as if nobody had them', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const stranger = await server.issueToken('stranger', ['repo:libs:write']);
    const { created } = await createSession(server, 'libs', bytes, stranger);
    const unknown = await createSession(server, 'libs', uniqueBytes(), stranger);
    expect([created.status, Object.keys(created.json)]).toEqual([201, Object.keys(unknown.created.json)]);
    expect(created.json).toMatchObject({ state: 'initiated', deduped: false });
  });

  test('are stored once all the same, and the second copy goes', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const before = await blobOf(server, sha256(bytes));
    const stranger = await server.issueToken('stranger', ['repo:libs:write']);
    const session = await createSession(server, 'libs', bytes, stranger);
    await complete(server, session, await sendPart(server, session, bytes));
    expect((await server.request('POST', `${session.path}/commit`)).status).toBe(200);
    await server.runWorker();
    expect(await blobOf(server, sha256(bytes))).toEqual(before);
    expect(await foldersOf(server, sha256(bytes))).toEqual([before?.objectKey?.split('/').at(-1)]);
  });

  test('are deduplicated for who may read them', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const reader = await server.issueToken('reader', ['repo:libs:write', 'repo:apps:read']);
    expect((await createSession(server, 'libs', bytes, reader)).created.status).toBe(200);
  });

  test('are asked for where the only reader role is "promote"', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const promoter = await server.issueToken('promoter', ['repo:libs:write', 'repo:apps:promote']);
    expect((await createSession(server, 'libs', bytes, promoter)).created.status).toBe(201);
  });
});

describe('the artifact of no bytes', () => {
  const nothing = { expectedDigest: EMPTY_DIGEST, expectedLength: 0 };

  test('needs no upload, even the first time', async () => {
    const { status, json } = await create(nothing, 'libs');
    expect([status, json.state, json.deduped]).toEqual([200, 'committed', true]);
  });

  test('is read as no bytes', async () => {
    await create(nothing, 'libs');
    const { status, bytes } = await server.request('GET', `/v1/repos/libs/blobs/${EMPTY_DIGEST}`);
    expect([status, bytes.length]).toEqual([200, 0]);
  });

  test('can be dropped, removed for good, and declared again', async () => {
    await create(nothing);
    await server.request('DELETE', `/v1/repos/apps/blobs/${EMPTY_DIGEST}`);
    await create(nothing);
    expect(await blobOf(server, EMPTY_DIGEST)).toEqual({ state: 'live', objectKey: null });
  });
});

describe('an upload is found only under its own repository:', () => {
  const requests = [
    ['GET', '', undefined],
    ['POST', '/parts', { partNumber: 1 }],
    ['POST', '/complete', { parts: [{ partNumber: 1, etag: 'a' }] }],
    ['POST', '/commit', undefined],
    ['POST', '/abort', undefined],
  ] as const;

  test.each(requests)('%s of another one%s is a 404', async (method, action, json) => {
    const { uploadId } = await createSession(server, 'apps', uniqueBytes());
    const { status, json: body } = await server.request(method, `/v1/repos/libs/uploads/${uploadId}${action}`, {
      json,
    });
    expect([status, body.error]).toEqual([404, 'not_found']);
  });

  test.each(requests)('%s of an unknown one%s is a 404', async (method, action, json) => {
    const path = `/v1/repos/apps/uploads/01890a5d-ac96-774b-bcce-b302099a8057${action}`;
    expect((await server.request(method, path, { json })).status).toBe(404);
  });

  test.each(requests)('%s of what is no id%s is a 400', async (method, action, json) => {
    const { status, json: body } = await server.request(method, `/v1/repos/apps/uploads/42${action}`, { json });
    expect([status, body.error]).toEqual([400, 'bad_request']);
  });

  test.each(requests)('%s%s by who may only read is a 403', async (method, action, json) => {
    const { path } = await createSession(server, 'apps', uniqueBytes());
    const token = await server.issueToken('reader', ['repo:apps:read']);
    expect((await server.request(method, `${path}${action}`, { json, token })).status).toBe(403);
  });
});
