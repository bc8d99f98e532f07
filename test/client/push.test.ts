import { expect, test, vi } from 'vitest';
import { ArtifortressError, type Progress, type PushSource, type SessionEvent } from '../../src/client/index.ts';
import { failFirst, refuse, sha256 } from './fake-answers.ts';
import { startFakeServer } from './fake-server.ts';
import { failureOf, someBytes, testClient } from './support.ts';

function streamSource(bytes: Buffer<ArrayBuffer>): PushSource {
  return {
    size: bytes.length,
    slice: (start, end) => new Blob([bytes.subarray(start, end)]).stream(),
  };
}

test('content of several parts arrives whole, whether the slices are Blobs or streams', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  for (const [index, size] of [3500, 3600].entries()) {
    const bytes = someBytes(size);
    const source = index === 0 ? new Blob([bytes]) : streamSource(bytes);
    const result = await client.push({ repoKey: 'libs', source });
    expect(result).toMatchObject({ digest: sha256(bytes), lengthBytes: size, deduped: false, sentBytes: size });
    expect(server.blobs.get(result.digest)).toEqual(bytes);
  }
  const puts = server.sent('PUT', /^\/store/);
  expect(puts).toHaveLength(8);
  for (const put of puts) {
    expect(put.headers['content-length']).toBe(String(put.body.length));
    expect(put.headers['transfer-encoding']).toBeUndefined();
    expect(put.headers['x-part']).toBe('as given');
    expect(put.headers.authorization).toBeUndefined();
  }
});

test('a single part carries its checksum, several do not', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  await client.push({ repoKey: 'libs', source: new Blob([someBytes(10)]) });
  await client.push({ repoKey: 'libs', source: new Blob([someBytes(1500)]) });
  const [one, several] = server.sent('POST', /parts$/).map((seen) => JSON.parse(seen.body.toString()).parts);
  expect(one).toEqual([{ partNumber: 1, sizeBytes: 10, sha256: sha256(someBytes(10)) }]);
  expect(several).toEqual([
    { partNumber: 1, sizeBytes: 1000 },
    { partNumber: 2, sizeBytes: 500 },
  ]);
});

test('what the server already has is not sent', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  const bytes = someBytes(100);
  server.blobs.set(sha256(bytes), bytes);
  const onSession = vi.fn<(event: SessionEvent) => void>();
  const result = await client.push({ repoKey: 'libs', source: new Blob([bytes]), onSession });
  expect(result).toMatchObject({ deduped: true, sentBytes: 0 });
  expect(server.requests).toHaveLength(1);
  expect(onSession).not.toHaveBeenCalled();
});

test('progress goes hash, upload, verify, and ends at the whole even where a part was sent twice', async () => {
  await using server = await startFakeServer();
  server.fault = failFirst(1, 'PUT', /store/, (response) => refuse(response, 503, 'service_unavailable'));
  server.verifyRounds = 1;
  const { client, sleptMs } = testClient(server.url);
  const seen: Progress[] = [];
  await client.push({ repoKey: 'libs', source: streamSource(someBytes(2500)), onProgress: (at) => seen.push(at) });
  expect([...new Set(seen.map((at) => at.phase))]).toEqual(['hash', 'upload', 'verify']);
  expect(seen.findLast((at) => at.phase === 'hash')?.doneBytes).toBe(2500);
  expect(seen.findLast((at) => at.phase === 'upload')?.doneBytes).toBe(2500);
  expect(seen.at(-1)).toEqual({ phase: 'verify', doneBytes: 7, totalBytes: 2500 });
  expect(Math.max(...seen.filter((at) => at.phase === 'upload').map((at) => at.doneBytes))).toBe(2500);
  expect(sleptMs).toContain(2000);
});

test('a long verification is polled as often as the server says', async () => {
  await using server = await startFakeServer();
  server.verifyRounds = 3;
  const { client, sleptMs } = testClient(server.url);
  await client.push({ repoKey: 'libs', source: new Blob([someBytes(10)]) });
  expect(server.sent('POST', /commit$/)).toHaveLength(4);
  expect(sleptMs).toEqual([2000, 2000, 2000]);
});

test.each([
  ['create', 'POST', /uploads$/],
  ['parts', 'POST', /parts$/],
  ['the bytes', 'PUT', /store/],
  ['complete', 'POST', /complete$/],
  ['commit', 'POST', /commit$/],
] as const)('a broken connection and a 503 at %s are passed over', async (_, method, pattern) => {
  await using server = await startFakeServer();
  const reset = failFirst(1, method, pattern, (response) => response.socket?.resetAndDestroy());
  const away = failFirst(1, method, pattern, (response) =>
    refuse(response, 503, 'service_unavailable', { 'retry-after': '3' }),
  );
  server.fault = (seen, response) => reset(seen, response) || away(seen, response);
  const { client, sleptMs } = testClient(server.url);
  const bytes = someBytes(500);
  await client.push({ repoKey: 'libs', source: new Blob([bytes]) });
  expect(server.blobs.get(sha256(bytes))).toEqual(bytes);
  expect(sleptMs).toEqual([187.5, 3125]);
});

test('a part whose URL has expired is sent again to a fresh one, but not for ever', async () => {
  await using server = await startFakeServer();
  server.fault = failFirst(1, 'PUT', /store/, (response) => {
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end('<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>');
  });
  const { client } = testClient(server.url);
  await client.push({ repoKey: 'libs', source: new Blob([someBytes(10)]) });
  expect(server.sent('POST', /parts$/)).toHaveLength(2);

  server.fault = (seen, response) => seen.path.startsWith('/store') && refuse(response, 403, 'forbidden');
  const error = await failureOf(client.push({ repoKey: 'libs', source: new Blob([someBytes(11)]) }));
  expect(error).toMatchObject({ code: 'forbidden' });
  expect(server.sent('PUT', /store/)).toHaveLength(4);
});

test('a refusal by the store is told in its words, without the signed URL, and frees the session', async () => {
  await using server = await startFakeServer();
  server.fault = failFirst(1, 'PUT', /store/, (response) => {
    response.writeHead(400, { 'content-type': 'application/xml' });
    response.end('<?xml version="1.0"?><Error><Code>BadDigest</Code><Message>The checksum differs</Message></Error>');
  });
  const { client } = testClient(server.url);
  const onSession = vi.fn<(event: SessionEvent) => void>();
  const error = await failureOf(client.push({ repoKey: 'libs', source: new Blob([someBytes(10)]), onSession }));
  expect(error).toMatchObject({ code: 'store_refused', status: 400 });
  expect(String(error)).toContain('BadDigest');
  expect(String(error)).not.toContain('s3cret');
  expect(onSession.mock.calls.map(([event]) => event.outcome)).toEqual(['opened', 'aborted']);
  expect(server.sent('POST', /abort$/).map((seen) => seen.body.toString())).toEqual(['{"reason":"store_refused"}']);
});

test('content that changes between hashing and sending is refused by the commit, and said so', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  const bytes = someBytes(10);
  let reads = 0;
  const source: PushSource = {
    size: 10,
    slice: () => {
      reads += 1;
      return new Blob([reads === 1 ? bytes : Buffer.alloc(10)]);
    },
  };
  const error = await failureOf(client.push({ repoKey: 'libs', source }));
  expect(error).toMatchObject({ code: 'upload_verification_failed', status: 409, requestId: 'req-1' });
  expect(error instanceof ArtifortressError && error.fields).toEqual({
    expectedDigest: sha256(bytes),
    actualDigest: sha256(Buffer.alloc(10)),
    expectedLength: 10,
    actualLength: 10,
  });
  expect(server.sent('POST', /abort$/)).toHaveLength(0);
});

test('content that is shorter than it said is told as such, in hashing and in sending', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  const short = { size: 10, slice: () => new Blob([someBytes(5)]).stream() };
  expect(await failureOf(client.push({ repoKey: 'libs', source: short }))).toMatchObject({ code: 'source_changed' });
  expect(server.requests).toHaveLength(0);
  const digest = sha256(someBytes(10));
  const sending = client.push({ repoKey: 'libs', source: short, digest });
  expect(await failureOf(sending)).toMatchObject({ code: 'source_changed' });
  expect(server.sent('PUT', /store/)).toHaveLength(0);
});

test('an abort ends the push with its own reason, and the session with it', async () => {
  await using server = await startFakeServer();
  const controller = new AbortController();
  const reason = new Error('the user went home');
  server.fault = (seen) => {
    if (seen.path.startsWith('/store')) controller.abort(reason);
    return seen.path.startsWith('/store');
  };
  const { client } = testClient(server.url);
  const source = new Blob([someBytes(5000)]);
  expect(await failureOf(client.push({ repoKey: 'libs', source, signal: controller.signal }))).toBe(reason);
  expect(server.sent('POST', /abort$/).map((seen) => seen.body.toString())).toEqual(['{"reason":"client_abort"}']);
});

test('a server that is gone in mid-upload leaves the session open, and that is told', async () => {
  await using server = await startFakeServer();
  server.fault = (seen, response) =>
    seen.path !== '/v1/repos/libs/uploads' && Boolean(response.socket?.resetAndDestroy());
  const { client } = testClient(server.url, { retry: { maxAttempts: 2 } });
  const onSession = vi.fn<(event: SessionEvent) => void>();
  const error = await failureOf(client.push({ repoKey: 'libs', source: new Blob([someBytes(10)]), onSession }));
  expect(error).toMatchObject({ code: 'network_error', status: null });
  expect(onSession.mock.calls.map(([event]) => event.outcome)).toEqual(['opened', 'left_open']);
});

test('a step that this client does not know is refused, naming it', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url, {
    runtime: {
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        const body = (await response.text()).replace('upload_parts', 'send_by_post');
        return new Response(body, { status: response.status, headers: response.headers });
      },
    },
  });
  const error = await failureOf(client.push({ repoKey: 'libs', source: new Blob([someBytes(10)]) }));
  expect(error).toMatchObject({ code: 'client_outdated' });
  expect(String(error)).toContain('send_by_post');
});
