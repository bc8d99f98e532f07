import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, sha256 } from '../support/uploading.ts';
import { inState, twoParts, UPLOAD_TTL_SECONDS } from './in-state.ts';
import { rowOf, trailOf } from './inspect.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { uploadTtlSeconds: UPLOAD_TTL_SECONDS } });
  await server.createRepository('apps');
});

afterAll(() => server.close());

const commit = (held: { path: string }) => server.request('POST', `${held.path}/commit`);
const abort = (held: { path: string }, reason?: string) =>
  server.request('POST', `${held.path}/abort`, reason === undefined ? {} : { json: { reason } });

test('a commit answers the same for ever, long after the time of the session', async () => {
  const held = await inState(server, 'pending_commit');
  const first = await commit(held);
  server.clock.advance({ seconds: 10 * UPLOAD_TTL_SECONDS });
  const repeated = await commit(held);
  expect({ status: repeated.status, body: repeated.json }).toEqual({ status: 200, body: first.json });
});

test('a repeated commit writes no second row', async () => {
  const held = await inState(server, 'committed');
  await commit(held);
  expect((await trailOf(server, held.uploadId)).filter((action) => action === 'upload.committed')).toHaveLength(1);
});

test('a repeated complete answers the same, and leaves one row', async () => {
  const held = await inState(server, 'parts_uploading');
  const first = await complete(server, held, held.etag);
  const repeated = await complete(server, held, held.etag);
  expect({ status: repeated.status, body: repeated.json }).toEqual({ status: 200, body: first.json });
  expect((await trailOf(server, held.uploadId)).filter((action) => action === 'upload.completed')).toHaveLength(1);
});

test('a complete whose answer was lost before it was written down is settled by asking again', async () => {
  const held = await inState(server, 'parts_uploading');
  const { objectKey, multipartId } = await rowOf(server, held.uploadId);
  assert(multipartId !== null, 'a session with parts has a multipart upload');
  const etag = held.etag.replaceAll('"', '');
  await server.running.services.objects.completeMultipart(objectKey, multipartId, [{ partNumber: 1, etag }]);
  expect((await complete(server, held, held.etag)).json).toMatchObject({ state: 'pending_commit' });
  expect((await commit(held)).status).toBe(200);
});

test('an abort answers the first reason, whatever reason is given later', async () => {
  const held = await inState(server, 'initiated');
  const first = await abort(held, 'changed my mind');
  const repeated = await abort(held, 'another reason');
  expect(repeated.json).toEqual(first.json);
  expect(repeated.json).toMatchObject({ state: 'aborted', reason: 'changed my mind' });
});

test('an abort without a body says that the client did it', async () => {
  expect((await abort(await inState(server, 'initiated'))).json).toMatchObject({ reason: 'client_abort' });
});

test('an abort with null as its reason has none', async () => {
  const held = await inState(server, 'initiated');
  const aborted = await server.request('POST', `${held.path}/abort`, { json: { reason: null } });
  expect(aborted.json).toMatchObject({ state: 'aborted', reason: 'client_abort' });
});

describe.each(['text/plain', 'application/x-www-form-urlencoded', 'application/json'])(
  'a Content-Type of %s over no body, as HTTP clients send it, does not hinder',
  (contentType) => {
    const bare = { headers: { 'content-type': contentType }, body: '' };

    test('a commit', async () => {
      const held = await inState(server, 'pending_commit');
      expect((await server.request('POST', `${held.path}/commit`, bare)).json).toMatchObject({ state: 'committed' });
    });

    test('an abort', async () => {
      const held = await inState(server, 'initiated');
      expect((await server.request('POST', `${held.path}/abort`, bare)).json).toMatchObject({ state: 'aborted' });
    });

    test('a DELETE', async () => {
      const held = await inState(server, 'committed');
      const path = `/v1/repos/${held.repoKey}/blobs/${sha256(held.bytes)}`;
      const { headers } = bare;
      expect((await server.request('DELETE', path, { headers })).json).toMatchObject({ status: 'deleted' });
    });
  },
);

test('a commit with a body of another kind is a 415, the session as it was', async () => {
  const held = await inState(server, 'pending_commit');
  const headers = { 'content-type': 'text/plain' };
  const refused = await server.request('POST', `${held.path}/commit`, { headers, body: 'now' });
  expect(refused.json).toMatchObject({ error: 'unsupported_media_type' });
  expect(await rowOf(server, held.uploadId)).toMatchObject({ state: 'pending_commit' });
});

test.each([
  ['an empty one', ''],
  ['one of blanks', '   '],
  ['one of 257 characters', 'x'.repeat(257)],
  ['one with a line break', 'two\nlines'],
  ['a number', 7],
])('an abort refuses as its reason %s', async (_what, reason) => {
  const held = await inState(server, 'initiated');
  const refused = await server.request('POST', `${held.path}/abort`, { json: { reason } });
  expect(refused.json).toMatchObject({ error: 'bad_request' });
  expect(await rowOf(server, held.uploadId)).toMatchObject({ state: 'initiated' });
});

test('a digest mismatch is found by reading many parts back, and told again', async () => {
  const held = await twoParts(server, 'apps', { digest: 'a'.repeat(64) });
  const first = await commit(held);
  const again = await commit(held);
  const told = {
    error: 'upload_verification_failed',
    expectedDigest: 'a'.repeat(64),
    actualDigest: sha256(held.bytes),
    expectedLength: held.bytes.length,
    actualLength: held.bytes.length,
  };
  expect([first.status, first.json]).toEqual([409, expect.objectContaining(told)]);
  expect([again.status, again.json]).toEqual([409, expect.objectContaining(told)]);
});

test('a mismatch leaves one row, and none of an abort', async () => {
  const held = await inState(server, 'aborted by another digest');
  await commit(held);
  expect((await trailOf(server, held.uploadId)).slice(-2)).toEqual([
    'upload.completed',
    'upload.commit.verification_failed',
  ]);
});

test('a mismatch makes nothing visible', async () => {
  const held = await inState(server, 'aborted by another digest');
  for (const digest of [sha256(held.bytes), held.created.json.expectedDigest]) {
    expect((await server.request('GET', `/v1/repos/${held.repoKey}/blobs/${digest}`)).status).toBe(404);
  }
});

test('a session past its time leaves one row, however many come by', async () => {
  const held = await inState(server, 'pending_commit, past its time');
  await commit(held);
  await complete(server, held, held.etag);
  await abort(held);
  await server.runWorker();
  expect((await trailOf(server, held.uploadId)).filter((action) => action === 'upload.expired')).toHaveLength(1);
});

test('a session refuses nothing up to the very end of its time', async () => {
  const held = await inState(server, 'pending_commit');
  server.clock.advance({ seconds: UPLOAD_TTL_SECONDS - 5 });
  expect((await commit(held)).status).toBe(200);
});
