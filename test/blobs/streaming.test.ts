import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import {
  blobPath,
  downloadsInProgress,
  expectAtRest,
  openObjects,
  PATIENCE,
  plantSparseBlob,
  rowsOf,
  store,
  storeInParts,
} from './support.ts';
import { exchange, head, openSocket, readFirstBytes } from './wire.ts';

/** More than any buffer on the way holds, and more than is read to its end while a test waits. */
const ENDLESS_BYTES = 64 * 1024 ** 3;

let server: TestServer;
let endless: string;
let manyParts: Buffer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  endless = await plantSparseBlob(server, 'apps', ENDLESS_BYTES);
  manyParts = await storeInParts(server, 'apps');
});

afterAll(() => server.close());

/** Asks for a blob and reads no more than the first bytes of it. */
async function startDownload(of: TestServer, digest: string): Promise<Socket> {
  const socket = await openSocket(of.url);
  socket.write(head(of, 'GET', blobPath('apps', digest)));
  await readFirstBytes(socket);
  return socket;
}

/** What this process has read so far, from files and from connections. */
async function bytesRead(): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}

/** Waits until every download in progress has filled what there is between it and its reader. */
async function expectReadsToStop(): Promise<void> {
  const readMeanwhile = async () => {
    const before = await bytesRead();
    await pause(50);
    return (await bytesRead()) - before;
  };
  await expect.poll(readMeanwhile, PATIENCE).toBeLessThan(16 * 1024);
}

test('a download in progress is counted and holds one file open', async () => {
  const socket = await startDownload(server, endless);
  expect(await downloadsInProgress(server)).toBe(1);
  expect(await openObjects(server.dataDirectory)).toHaveLength(1);
  socket.destroy();
  await expectAtRest(server);
});

test('a reader that stops reading stops the read from the store', async () => {
  const socket = await startDownload(server, endless);
  await expectReadsToStop();
  expect(await downloadsInProgress(server)).toBe(1);
  socket.destroy();
  await expectAtRest(server);
});

test('a reader that leaves stops the read', async () => {
  const socket = await startDownload(server, endless);
  socket.destroy();
  await expectAtRest(server);
});

test('a reader that resets the connection stops the read', async () => {
  const socket = await startDownload(server, endless);
  socket.resetAndDestroy();
  await expectAtRest(server);
});

test('a reader that leaves before the answer begins stops the read', async () => {
  const blocker = new Client(server.database.target);
  await blocker.connect();
  try {
    await blocker.query('begin; lock table blobs in access exclusive mode');
    const socket = await openSocket(server.url);
    socket.write(head(server, 'GET', blobPath('apps', endless)));
    const waiting = `select count(*)::int as waiting from pg_stat_activity where datname = $1 and wait_event_type = 'Lock'`;
    await expect
      .poll(() => rowsOf(server, waiting, server.database.target.database), PATIENCE)
      .toEqual([{ waiting: 1 }]);
    socket.resetAndDestroy();
    // The server has to learn of it before the answer is there.
    await pause(50);
  } finally {
    await blocker.query('rollback');
    await blocker.end();
  }
  await expectAtRest(server);
});

test('a reader that leaves with a second download asked for on the same connection stops both', async () => {
  const socket = await openSocket(server.url);
  socket.write(head(server, 'GET', blobPath('apps', endless)).repeat(2));
  await readFirstBytes(socket);
  await expect.poll(() => downloadsInProgress(server), PATIENCE).toBe(2);
  await expectReadsToStop();
  socket.destroy();
  await expectAtRest(server);
});

test('a download to its end leaves nothing open', async () => {
  await exchange(server, 'GET', blobPath('apps', sha256(manyParts)));
  await expectAtRest(server);
});

test('a download is observed in the metrics with its route and its status', async () => {
  await exchange(server, 'GET', blobPath('apps', sha256(manyParts)), { headers: { range: 'bytes=0-4' } });
  const count =
    /^artifortress_http_requests_total\{method="GET",route="\/v1\/repos\/:repoKey\/blobs\/:digest",code="206"\} [1-9]/m;
  await expect.poll(async () => (await server.request('GET', '/metrics')).bytes.toString(), PATIENCE).toMatch(count);
});

test('a reader that pauses again and again gets every byte', async () => {
  const socket = await openSocket(server.url);
  socket.write(head(server, 'GET', blobPath('apps', sha256(manyParts)), { connection: 'close' }));
  const chunks: Buffer[] = [];
  let untilPauseBytes = 1024 ** 2;
  for await (const chunk of socket) {
    chunks.push(Buffer.from(chunk));
    untilPauseBytes -= chunk.length;
    if (untilPauseBytes > 0) continue;
    untilPauseBytes = 1024 ** 2;
    await pause(5);
  }
  const answer = Buffer.concat(chunks);
  expect(sha256(answer.subarray(answer.indexOf('\r\n\r\n') + 4))).toBe(sha256(manyParts));
});

test('200 small downloads at once get each its own bytes', async () => {
  const artifacts = Array.from({ length: 20 }, (_, index) => uniqueBytes(1000 + 3000 * index));
  for (const bytes of artifacts) await store(server, 'apps', bytes);
  const wanted = Array.from({ length: 10 }, () => artifacts.map(sha256)).flat();
  const replies = await Promise.all(wanted.map((digest) => server.request('GET', blobPath('apps', digest))));
  expect(replies.map((reply) => sha256(reply.bytes))).toEqual(wanted);
  await expectAtRest(server);
});

test('downloads get each its own bytes while others beside them break off', async () => {
  const large = [manyParts, uniqueBytes(9_000_001), uniqueBytes(7_777_777)];
  for (const bytes of large.slice(1)) await store(server, 'apps', bytes);
  const digests = large.map(sha256);
  const breakOff = async (digest: string) => (await startDownload(server, digest)).destroy();
  for (let round = 0; round < 3; round += 1) {
    const [replies] = await Promise.all([
      Promise.all(digests.map((digest) => exchange(server, 'GET', blobPath('apps', digest)))),
      ...Array.from({ length: 12 }, (_, index) => breakOff(index % 2 === 0 ? endless : (digests[index % 3] ?? ''))),
    ]);
    expect(replies.map((reply) => sha256(reply.bytes))).toEqual(digests);
  }
  await expectAtRest(server);
});

test('requests one behind the other on one connection are answered in their order', async () => {
  const small = uniqueBytes(2000);
  await store(server, 'apps', small);
  const socket = await openSocket(server.url);
  socket.write(
    head(server, 'GET', blobPath('apps', sha256(manyParts))) +
      head(server, 'GET', blobPath('apps', sha256(small))) +
      head(server, 'GET', blobPath('apps', sha256(manyParts)), { range: 'bytes=-5', connection: 'close' }),
  );
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(Buffer.from(chunk));
  let rest = Buffer.concat(chunks);
  const bodies: string[] = [];
  while (rest.length > 0) {
    const start = rest.indexOf('\r\n\r\n') + 4;
    const length = Number(/content-length: (\d+)/i.exec(rest.subarray(0, start).toString('latin1'))?.[1]);
    bodies.push(sha256(rest.subarray(start, start + length)));
    rest = rest.subarray(start + length);
  }
  expect(bodies).toEqual([sha256(manyParts), sha256(small), sha256(manyParts.subarray(-5))]);
});

test('with as many downloads in progress as are allowed one more is a 503, until one of them ends', async () => {
  const limited = await startTestServer({ settings: { maximumDownloads: 2 } });
  try {
    await limited.createRepository('apps');
    const digest = await plantSparseBlob(limited, 'apps', ENDLESS_BYTES);
    const first = await startDownload(limited, digest);
    await startDownload(limited, digest);
    const refused = await exchange(limited, 'GET', blobPath('apps', digest), { headers: { range: 'bytes=0-4' } });
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': expect.stringMatching(/^[1-9]\d*$/) } });
    expect(JSON.parse(refused.bytes.toString())).toMatchObject({ error: 'service_unavailable' });
    // What needs no byte of a blob is answered all the same.
    expect(await exchange(limited, 'HEAD', blobPath('apps', digest))).toMatchObject({ status: 200 });
    first.destroy();
    const again = async () =>
      (await exchange(limited, 'GET', blobPath('apps', digest), { headers: { range: 'bytes=0-4' } })).status;
    await expect.poll(again, PATIENCE).toBe(206);
  } finally {
    await limited.close();
  }
});

test('a stop of the server ends a download that nobody reads, within the grace period', async () => {
  const other = await startTestServer({ settings: { shutdownGraceSeconds: 0 } });
  await other.createRepository('apps');
  const digest = await plantSparseBlob(other, 'apps', ENDLESS_BYTES);
  await startDownload(other, digest);
  await other.close();
  expect(await openObjects(other.dataDirectory)).toEqual([]);
});
