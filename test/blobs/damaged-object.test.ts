import { once } from 'node:events';
import { readdir, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { uniqueBytes } from '../support/uploading.ts';
import { blobPath, expectAtRest, objectFolder, store } from './support.ts';
import { exchange, head, keepAliveAgent, openSocket } from './wire.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
});

afterAll(() => server.close());

/** Stores a blob, then takes away what `damage` says before anything has been read of it. */
async function storeAndDamage(length: number, damage: (folder: string) => Promise<unknown>): Promise<string> {
  const digest = await store(server, 'apps', uniqueBytes(length));
  await damage(await objectFolder(server, digest));
  return digest;
}

async function partOf(folder: string): Promise<string> {
  const names = await readdir(folder);
  return path.join(folder, names.find((name) => name.startsWith('part-')) ?? '');
}

test.each<[string, (folder: string) => Promise<unknown>]>([
  ['whose folder is gone', (folder) => rm(folder, { recursive: true })],
  ['whose file is gone', async (folder) => rm(await partOf(folder))],
  ['whose file is cut short', async (folder) => truncate(await partOf(folder), 10)],
  ['whose file is empty', async (folder) => truncate(await partOf(folder), 0)],
])('a blob %s is a 503 in the shape of every error, and never a broken 200', async (_name, damage) => {
  const digest = await storeAndDamage(5000, damage);
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
});

test('the connection serves on after the 503 of a missing file', async () => {
  using agent = keepAliveAgent();
  const digest = await storeAndDamage(5000, (folder) => rm(folder, { recursive: true }));
  await exchange(server, 'GET', blobPath('apps', digest), { agent });
  const sound = await store(server, 'apps', uniqueBytes());
  const second = await exchange(server, 'GET', blobPath('apps', sound), { agent });
  expect(second).toMatchObject({ status: 200, reusedConnection: true });
});

test('a blob whose bytes end early cuts the connection: nobody takes it for whole', async () => {
  const length = 8_000_000;
  const digest = await storeAndDamage(length, async (folder) => truncate(await partOf(folder), length - 1));
  await expect(exchange(server, 'GET', blobPath('apps', digest))).rejects.toThrow(/aborted/);
  await expectAtRest(server);
});

test('what has come before the connection is cut are the right bytes', async () => {
  const bytes = uniqueBytes(8_000_000);
  const digest = await store(server, 'apps', bytes);
  await truncate(await partOf(await objectFolder(server, digest)), 6_000_000);
  const socket = await openSocket(server.url);
  socket.write(head(server, 'GET', blobPath('apps', digest)));
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'close');
  const answer = Buffer.concat(chunks);
  const body = answer.subarray(answer.indexOf('\r\n\r\n') + 4);
  expect(body.equals(bytes.subarray(0, body.length))).toBe(true);
});
