import { expect, test } from 'vitest';
import type { PushOptions, SessionEvent } from '../../src/client/index.ts';
import { failFirst, refuse, sha256 } from './fake-answers.ts';
import { type FakeServer, startFakeServer } from './fake-server.ts';
import { failureOf, someBytes, testClient } from './support.ts';

const BYTES = someBytes(9_500);

/** A push that is cut off at its fifth part, its session kept. Parts go one by one, so that four are held. */
async function interruptedPush(server: FakeServer, extra: Partial<PushOptions> = {}) {
  const events: SessionEvent[] = [];
  const controller = new AbortController();
  server.fault = (seen) => {
    const isFifth = seen.path.endsWith('/5') && seen.path.startsWith('/store');
    if (isFifth) controller.abort(new Error('lid closed'));
    return isFifth;
  };
  const { client } = testClient(server.url);
  const error = await failureOf(
    client.push({
      repoKey: 'libs',
      source: new Blob([BYTES]),
      parallelParts: 1,
      onFailure: 'keep',
      signal: controller.signal,
      onSession: (event) => events.push(event),
      ...extra,
    }),
  );
  server.fault = () => false;
  server.requests.length = 0;
  return { client, error, events, uploadId: events[0]?.uploadId ?? '' };
}

const partsSent = (server: FakeServer) =>
  server.sent('PUT', /store/).map((seen) => Number(seen.path.split('/').at(-1)));

test('an interrupted push keeps its session when asked to, and tells all that resuming it needs', async () => {
  await using server = await startFakeServer();
  const { error, events, uploadId } = await interruptedPush(server);
  expect(String(error)).toContain('lid closed');
  const facts = { uploadId, digest: sha256(BYTES), lengthBytes: 9_500, partSizeBytes: 1_000 };
  expect(events).toMatchObject([
    { outcome: 'opened', ...facts },
    { outcome: 'kept', ...facts },
  ]);
  expect(server.sent('POST', /abort$/)).toHaveLength(0);
});

test('a resumed push sends the missing parts alone', async () => {
  await using server = await startFakeServer();
  const { client, uploadId } = await interruptedPush(server);
  const progress: number[] = [];
  const result = await client.push({
    repoKey: 'libs',
    source: new Blob([BYTES]),
    resume: { uploadId, partSizeBytes: 1_000 },
    onProgress: ({ phase, doneBytes }) => {
      if (phase === 'upload') progress.push(doneBytes);
    },
  });
  expect(result).toMatchObject({ uploadId, resumed: true, deduped: false, sentBytes: 5_500 });
  expect(partsSent(server).sort((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10]);
  expect(server.sent('POST', /uploads$/)).toHaveLength(0);
  expect(server.blobs.get(sha256(BYTES))).toEqual(BYTES);
  expect([progress[0], progress.at(-1)]).toEqual([4_000, 9_500]);
});

test('the size of the parts is measured by those held where nobody kept it', async () => {
  await using server = await startFakeServer();
  const { client, uploadId } = await interruptedPush(server, { partSizeBytes: 1_100 });
  const result = await client.push({ repoKey: 'libs', source: new Blob([BYTES]), resume: { uploadId } });
  expect(result).toMatchObject({ resumed: true, sentBytes: 9_500 - 4 * 1_100 });
  expect(server.blobs.get(sha256(BYTES))).toEqual(BYTES);
});

test('a part of another size than planned is sent again', async () => {
  await using server = await startFakeServer();
  const { client, uploadId } = await interruptedPush(server);
  const result = await client.push({
    repoKey: 'libs',
    source: new Blob([BYTES]),
    resume: { uploadId, partSizeBytes: 1_900 },
  });
  expect(result).toMatchObject({ resumed: true, sentBytes: 9_500 });
  expect(server.blobs.get(sha256(BYTES))).toEqual(BYTES);
});

test('other content is never put onto the parts of an earlier one', async () => {
  await using server = await startFakeServer();
  const { client, uploadId } = await interruptedPush(server);
  const other = Buffer.from(BYTES.toReversed());
  const result = await client.push({ repoKey: 'libs', source: new Blob([other]), resume: { uploadId } });
  expect(result).toMatchObject({ resumed: false, sentBytes: 9_500 });
  expect(result.uploadId).not.toBe(uploadId);
  expect(server.blobs.get(sha256(other))).toEqual(other);
});

test.each([
  ['aborted', 'conflict'],
  ['unknown', 'not_found'],
])('a session that is %s by now makes way for a new one', async (how) => {
  await using server = await startFakeServer();
  const { client, uploadId } = await interruptedPush(server);
  if (how === 'aborted') await client.uploads.abort('libs', uploadId);
  const resume = { uploadId: how === 'aborted' ? uploadId : 'upload-99' };
  const result = await client.push({ repoKey: 'libs', source: new Blob([BYTES]), resume });
  expect(result).toMatchObject({ resumed: false, sentBytes: 9_500 });
});

test('a session that expires under a resumed push makes way for a new one', async () => {
  await using server = await startFakeServer();
  const { client, uploadId } = await interruptedPush(server);
  server.fault = failFirst(1, 'POST', /parts$/, (response) => refuse(response, 409, 'conflict'));
  const result = await client.push({ repoKey: 'libs', source: new Blob([BYTES]), resume: { uploadId } });
  expect(result).toMatchObject({ resumed: false, sentBytes: 9_500 });
});

test('a push that was cut off after its last part only commits; one whose commit got lost does nothing', async () => {
  await using server = await startFakeServer();
  const { client, uploadId } = await interruptedPush(server);
  const push = () => client.push({ repoKey: 'libs', source: new Blob([BYTES]), resume: { uploadId } });
  server.fault = (seen, response) => seen.path.endsWith('/commit') && refuse(response, 401, 'unauthorized');
  expect(
    await failureOf(
      client.push({ repoKey: 'libs', source: new Blob([BYTES]), resume: { uploadId }, onFailure: 'keep' }),
    ),
  ).toMatchObject({ code: 'unauthorized' });
  server.fault = () => false;
  server.requests.length = 0;
  expect(await push()).toMatchObject({ resumed: true, deduped: false, sentBytes: 0 });
  expect(server.requests.map((seen) => seen.path.split('/').at(-1))).toEqual([uploadId, 'commit']);
  server.requests.length = 0;
  expect(await push()).toMatchObject({ resumed: true, sentBytes: 0 });
  expect(server.requests).toHaveLength(1);
});

test('a failure that resuming would only repeat aborts the session even where it was to be kept', async () => {
  await using server = await startFakeServer();
  server.fault = failFirst(1, 'PUT', /store/, (response) => {
    response.writeHead(400);
    response.end('<Error><Code>BadDigest</Code></Error>');
  });
  const { client } = testClient(server.url);
  const events: string[] = [];
  const pushing = client.push({
    repoKey: 'libs',
    source: new Blob([someBytes(10)]),
    onFailure: 'keep',
    onSession: ({ outcome }) => events.push(outcome),
  });
  expect(await failureOf(pushing)).toMatchObject({ code: 'store_refused' });
  expect(events).toEqual(['opened', 'aborted']);
});

test('a stream and a path are pushed like a Blob', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  for (const source of [new Blob([BYTES]).stream(), import.meta.filename]) {
    const { digest, lengthBytes } = await client.push({ repoKey: 'libs', source });
    expect(sha256(server.blobs.get(digest) ?? Buffer.alloc(0))).toBe(digest);
    expect(server.blobs.get(digest)).toHaveLength(lengthBytes);
  }
  expect(server.blobs.has(sha256(BYTES))).toBe(true);
  expect(await failureOf(client.push({ repoKey: 'libs', source: '/nowhere' }))).toMatchObject({ code: 'ENOENT' });
});
