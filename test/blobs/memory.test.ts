import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChildServer, startChildServer } from './child-server.ts';
import { blobPath, PATIENCE, plantSparseBlob, unknownDigest } from './support.ts';
import { head, openSocket, readFirstBytes } from './wire.ts';

const MIB = 1024 ** 2;
const BLOB_BYTES = 2048 * MIB;
/** SHA-256 of 2 GiB of zeros. */
const BLOB_DIGEST = 'a7c744c13cc101ed66c29f672f92455547889cc586ce6d44fe76ae824958ea51';
const MAXIMUM_GROWTH_BYTES = 64 * MIB;

let server: ChildServer;

beforeAll(async () => {
  server = await startChildServer();
  await server.request('POST', '/v1/repos', { json: { repoKey: 'apps', repoType: 'local' } });
  await plantSparseBlob(server, 'apps', BLOB_BYTES, BLOB_DIGEST);
  // Whatever the first request of a kind loads is not what a download costs.
  for (let turn = 0; turn < 20; turn += 1) await server.request('GET', '/v1/repos/apps/blobs');
});

afterAll(() => server[Symbol.asyncDispose]());

/** The most that the server's memory was larger than before, while `work` went on. */
async function growthDuring(work: (measure: () => Promise<void>) => Promise<void>): Promise<number> {
  const before = await server.residentBytes();
  let growth = 0;
  await work(async () => {
    growth = Math.max(growth, (await server.residentBytes()) - before);
  });
  return growth;
}

test('a slow reader of 2 GiB grows the memory by less than 64 MiB', async () => {
  const growth = await growthDuring(async (measure) => {
    const socket = await openSocket(server.url);
    socket.write(head(server, 'GET', blobPath('apps', BLOB_DIGEST)));
    let receivedBytes = 0;
    for await (const chunk of socket) {
      receivedBytes += chunk.length;
      if (receivedBytes > 200 * MIB) break;
      if (receivedBytes % (4 * MIB) >= chunk.length) continue;
      await pause(5);
      await measure();
    }
    await measure();
  });
  expect(growth).toBeLessThan(MAXIMUM_GROWTH_BYTES);
});

test('forty readers that have stopped reading grow the memory by less than the read-ahead that all share', async () => {
  const growth = await growthDuring(async (measure) => {
    const sockets = await Promise.all(Array.from({ length: 40 }, () => openSocket(server.url)));
    for (const socket of sockets) socket.write(head(server, 'GET', blobPath('apps', BLOB_DIGEST)));
    await Promise.all(sockets.map(readFirstBytes));
    await pause(200);
    await measure();
    for (const socket of sockets) socket.destroy();
  });
  expect(growth).toBeLessThan(128 * MIB + MAXIMUM_GROWTH_BYTES);
});

test('an upload of 300 MiB in one request is not gathered in memory', async () => {
  const growth = await growthDuring(async (measure) => {
    const socket = await openSocket(server.url);
    // Other bytes than those announced: nothing of them is kept.
    socket.write(head(server, 'PUT', blobPath('apps', unknownDigest()), { 'content-length': String(300 * MIB) }));
    const chunk = Buffer.alloc(4 * MIB);
    for (let sentBytes = 0; sentBytes < 300 * MIB; sentBytes += chunk.length) {
      if (!socket.write(chunk)) await once(socket, 'drain');
      await measure();
    }
    const answer = await readFirstBytes(socket);
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 409 /);
    await measure();
    socket.destroy();
  });
  expect(growth).toBeLessThan(150 * MIB);
});

test('after all of it no download is in progress', async () => {
  const inProgress = async () =>
    /^artifortress_downloads_in_progress (\d+)$/m.exec((await server.request('GET', '/metrics')).bytes.toString())?.[1];
  await expect.poll(inProgress, PATIENCE).toBe('0');
});
