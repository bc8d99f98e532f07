import { once } from 'node:events';
import { readdir, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { blobPath, expectAtRest, objectPath, store, storeInParts } from './support.ts';
import { exchange, head, keepAliveAgent, openSocket } from './wire.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
});

afterAll(() => server.close());

const LENGTH = 6_000_000;

/** Stores a blob by a session, then takes away what `damage` says before anything has been read of its file, or of its folder of parts. */
async function storeAndDamage(how: 'whole' | 'in parts', damage: (path: string) => Promise<unknown>): Promise<string> {
  const bytes = uniqueBytes(LENGTH);
  if (how === 'whole') await upload(server, 'apps', bytes);
  else await storeInParts(server, 'apps', bytes);
  await damage(await objectPath(server, sha256(bytes)));
  return sha256(bytes);
}

async function partOf(folder: string, partNumber: number): Promise<string> {
  const names = await readdir(folder);
  const name = names.find((one) => one.startsWith(`part-0000${partNumber}`));
  return path.join(folder, name ?? `part ${partNumber} is missing`);
}

async function expectUnavailable(digest: string): Promise<void> {
  const reply = await exchange(server, 'GET', blobPath('apps', digest));
  const { message, ...body } = JSON.parse(reply.bytes.toString());
  expect({ status: reply.status, body, etag: reply.headers.etag }).toEqual({
    status: 503,
    body: { error: 'service_unavailable', requestId: reply.headers['x-request-id'] },
    etag: undefined,
  });
  expect(reply.headers['retry-after']).toMatch(/^[1-9]\d*$/);
  expect(message).not.toContain(server.dataDirectory);
  await expectAtRest(server);
}

describe.each<[string, (file: string) => Promise<unknown>]>([
  ['whose file is gone', (file) => rm(file)],
  ['whose file is cut short', (file) => truncate(file, 4999)],
  ['whose file is empty', (file) => truncate(file, 0)],
])('a blob %s is a 503 in the shape of every error, and never a broken 200', (_name, damage) => {
  test('where it came in one request', async () => {
    const digest = await store(server, 'apps', uniqueBytes(5000));
    await damage(await objectPath(server, digest));
    await expectUnavailable(digest);
  });

  test('where it came as one part', async () => {
    await expectUnavailable(await storeAndDamage('whole', damage));
  });

  test('where it is the first of its parts', async () => {
    await expectUnavailable(await storeAndDamage('in parts', async (folder) => damage(await partOf(folder, 1))));
  });
});

test('a blob whose folder is gone is a 503', async () => {
  await expectUnavailable(await storeAndDamage('in parts', (folder) => rm(folder, { recursive: true })));
});

test('the connection serves on after the 503 of a missing file', async () => {
  using agent = keepAliveAgent();
  const digest = await storeAndDamage('in parts', (folder) => rm(folder, { recursive: true }));
  await exchange(server, 'GET', blobPath('apps', digest), { agent });
  const sound = await store(server, 'apps', uniqueBytes());
  const second = await exchange(server, 'GET', blobPath('apps', sound), { agent });
  expect(second).toMatchObject({ status: 200, reusedConnection: true });
});

test('a blob whose bytes end early cuts the connection: nobody takes it for whole', async () => {
  const digest = await storeAndDamage('in parts', async (folder) => truncate(await partOf(folder, 2), 1000));
  await expect(exchange(server, 'GET', blobPath('apps', digest))).rejects.toThrow(/aborted/);
  await expectAtRest(server);
});

test('what has come before the connection is cut are the right bytes', async () => {
  const bytes = await storeInParts(server, 'apps', uniqueBytes(LENGTH));
  const digest = sha256(bytes);
  await truncate(await partOf(await objectPath(server, digest), 2), 1000);
  const socket = await openSocket(server.url);
  socket.write(head(server, 'GET', blobPath('apps', digest)));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  const answer = Buffer.concat(chunks);
  const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
  expect(body.equals(bytes.subarray(0, body.length))).toBe(true);
});
