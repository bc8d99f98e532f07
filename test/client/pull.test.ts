import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { failFirst, refuse, sha256 } from './fake-answers.ts';
import { startFakeServer } from './fake-server.ts';
import { failureOf, readAll, someBytes, testClient } from './support.ts';

/** Says that everything comes, sends the first bytes, and breaks the connection. */
function breakAfter(bytes: Buffer, sentBytes: number) {
  return (response: ServerResponse): void => {
    response.writeHead(200, { 'content-length': String(bytes.length) });
    response.write(bytes.subarray(0, sentBytes), () => response.socket?.destroy());
  };
}

test('the bytes come whole, also those of an empty blob', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  for (const length of [0, 1, 100_000]) {
    const bytes = someBytes(length);
    server.blobs.set(sha256(bytes), bytes);
    const blob = await client.pull({ repoKey: 'libs', digest: `sha256:${sha256(bytes)}` });
    expect(blob.lengthBytes).toBe(length);
    expect(await readAll(blob.body)).toEqual(bytes);
  }
});

test('a connection that breaks is taken up where it broke', async () => {
  await using server = await startFakeServer();
  const bytes = someBytes(50_000);
  server.blobs.set(sha256(bytes), bytes);
  server.fault = failFirst(1, 'GET', /blobs/, breakAfter(bytes, 20_000));
  const { client } = testClient(server.url);
  const blob = await client.pull({ repoKey: 'libs', digest: sha256(bytes) });
  expect(await readAll(blob.body)).toEqual(bytes);
  const [first, second] = server.sent('GET', /blobs/);
  expect(first?.headers.range).toBeUndefined();
  expect(second?.headers.range).toMatch(/^bytes=[1-9]\d*-$/);
});

test('a connection that keeps breaking without a byte ends in a network error, not in an end of the stream', async () => {
  await using server = await startFakeServer();
  const bytes = someBytes(1000);
  server.fault = (_, response) => {
    breakAfter(bytes, 0)(response);
    return true;
  };
  const { client } = testClient(server.url, { retry: { maxAttempts: 3 } });
  const pulling = client.pull({ repoKey: 'libs', digest: sha256(bytes) }).then((blob) => readAll(blob.body));
  expect(await failureOf(pulling)).toMatchObject({ code: 'network_error' });
});

test('bytes that are not those of the digest end in content_mismatch', async () => {
  await using server = await startFakeServer();
  const digest = sha256(someBytes(100));
  server.blobs.set(digest, Buffer.alloc(100));
  const { client } = testClient(server.url);
  const blob = await client.pull({ repoKey: 'libs', digest });
  expect(await failureOf(readAll(blob.body))).toMatchObject({
    code: 'content_mismatch',
    fields: { expectedDigest: digest },
  });
});

test('a blob that answers with another length when taken up again is refused', async () => {
  await using server = await startFakeServer();
  const bytes = someBytes(1000);
  server.blobs.set(sha256(bytes), someBytes(900));
  server.fault = failFirst(1, 'GET', /blobs/, breakAfter(bytes, 500));
  const { client } = testClient(server.url);
  const blob = await client.pull({ repoKey: 'libs', digest: sha256(bytes) });
  expect(await failureOf(readAll(blob.body))).toMatchObject({ code: 'content_mismatch' });
});

test('a reader that stops early stops the transfer', async () => {
  await using server = await startFakeServer();
  const bytes = someBytes(5_000_000);
  server.blobs.set(sha256(bytes), bytes);
  const { client } = testClient(server.url);
  const { body } = await client.pull({ repoKey: 'libs', digest: sha256(bytes) });
  const reader = body.getReader();
  await reader.read();
  await reader.cancel();
  expect(server.sent('GET', /blobs/)).toHaveLength(1);
});

test('an abort in mid-stream ends it with the reason', async () => {
  await using server = await startFakeServer();
  const bytes = someBytes(1000);
  server.fault = (_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    return response.write(bytes.subarray(0, 10)) || true;
  };
  const controller = new AbortController();
  const reason = new Error('enough');
  const { client } = testClient(server.url);
  const { body } = await client.pull({ repoKey: 'libs', digest: sha256(bytes), signal: controller.signal });
  const reading = readAll(body);
  controller.abort(reason);
  expect(await failureOf(reading)).toBe(reason);
});

test('a range is opened where it starts', async () => {
  await using server = await startFakeServer();
  const bytes = someBytes(1000);
  server.blobs.set(sha256(bytes), bytes);
  const { client } = testClient(server.url);
  const content = await client.blobs.get('libs', sha256(bytes), { range: { start: 100, end: 199 } });
  expect(content).toMatchObject({ startBytes: 100, lengthBytes: 100, totalLengthBytes: 1000 });
  expect(await readAll(content.body)).toEqual(bytes.subarray(100, 200));
  expect(await client.blobs.head('libs', sha256(bytes))).toEqual({ digest: sha256(bytes), lengthBytes: 1000 });
});

test('a blob that is not there is a typed error with the request id', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  const digest = sha256(someBytes(1));
  const wanted = { code: 'not_found', status: 404, requestId: 'req-1' };
  expect(await failureOf(client.pull({ repoKey: 'libs', digest }))).toMatchObject(wanted);
  expect(await failureOf(client.blobs.head('libs', digest))).toMatchObject(wanted);
  server.fault = (_, response) => refuse(response, 403, 'forbidden');
  expect(await failureOf(client.pull({ repoKey: 'libs', digest }))).toMatchObject({ code: 'forbidden' });
});
