import { expect, test } from 'vitest';
import type { PullTarget } from '../../src/client/index.ts';
import { failFirst, refuse, sha256 } from './fake-answers.ts';
import { startFakeServer } from './fake-server.ts';
import { failureOf, someBytes, testClient } from './support.ts';

const PIECE_BYTES = 8 * 1024 * 1024;

function memoryTarget(held: readonly number[] = [], content?: Buffer<ArrayBuffer>) {
  let bytes = Buffer.alloc(0);
  const ended: number[] = [];
  const target: PullTarget = {
    begin(lengthBytes) {
      bytes = content ?? Buffer.alloc(lengthBytes);
      return Promise.resolve(new Set(held));
    },
    write(chunks, atBytes) {
      Buffer.concat(chunks).copy(bytes, atBytes);
      return Promise.resolve();
    },
    endPiece(index) {
      ended.push(index);
      return Promise.resolve();
    },
    digest: () => Promise.resolve(sha256(bytes)),
  };
  return { target, ended, bytes: () => bytes };
}

test.each([0, 1, PIECE_BYTES, 2 * PIECE_BYTES + 5])(
  'a blob of %i bytes comes whole, piece by piece',
  async (length) => {
    await using server = await startFakeServer();
    const bytes = someBytes(length);
    server.blobs.set(sha256(bytes), bytes);
    server.fault = (seen, response) =>
      length === 0 && seen.headers.range !== undefined && refuse(response, 416, 'invalid_range');
    const { client } = testClient(server.url);
    const memory = memoryTarget();
    const pulled = await client.pullInto({ repoKey: 'libs', digest: sha256(bytes), target: memory.target });
    expect(pulled).toEqual({ repoKey: 'libs', digest: sha256(bytes), lengthBytes: length, heldBytes: 0 });
    expect(memory.bytes().equals(bytes)).toBe(true);
    expect(memory.ended.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: Math.ceil(length / PIECE_BYTES) }, (_, index) => index),
    );
  },
);

test('pieces that are held are not fetched, but the digest judges them too', async () => {
  await using server = await startFakeServer();
  const bytes = someBytes(2 * PIECE_BYTES + 5);
  server.blobs.set(sha256(bytes), bytes);
  const { client } = testClient(server.url);
  const held = memoryTarget([0, 1], Buffer.concat([bytes.subarray(0, 2 * PIECE_BYTES), Buffer.alloc(5)]));
  const pulling = { repoKey: 'libs', digest: sha256(bytes) };
  expect(await client.pullInto({ ...pulling, target: held.target })).toMatchObject({ heldBytes: 2 * PIECE_BYTES });
  expect(held.ended).toEqual([2]);
  const spoilt = memoryTarget([0, 1], Buffer.alloc(bytes.length));
  const error = await failureOf(client.pullInto({ ...pulling, target: spoilt.target }));
  expect(error).toMatchObject({ code: 'content_mismatch' });
});

test('a piece whose connection breaks is taken up where it broke', async () => {
  await using server = await startFakeServer();
  const bytes = someBytes(PIECE_BYTES + 5);
  server.blobs.set(sha256(bytes), bytes);
  server.fault = failFirst(1, 'GET', /blobs/, (response) => {
    const range = `bytes 0-${PIECE_BYTES - 1}/${bytes.length}`;
    response.writeHead(206, { 'content-length': String(PIECE_BYTES), 'content-range': range });
    response.write(bytes.subarray(0, 70_000), () => response.socket?.destroy());
  });
  const { client } = testClient(server.url);
  const memory = memoryTarget();
  await client.pullInto({ repoKey: 'libs', digest: sha256(bytes), target: memory.target });
  expect(memory.bytes().equals(bytes)).toBe(true);
  const ranges = server.sent('GET', /blobs/).map((seen) => seen.headers.range);
  expect(ranges).toHaveLength(3);
  expect(ranges.filter((range) => /^bytes=[1-9]\d*-8388607$/.test(range ?? ''))).toHaveLength(1);
});

test('a target that fails, fails the pull, with nothing left running', async () => {
  await using server = await startFakeServer();
  const bytes = someBytes(3 * PIECE_BYTES);
  server.blobs.set(sha256(bytes), bytes);
  const { client } = testClient(server.url);
  const { target } = memoryTarget();
  const full = new Error('no space left');
  const write = (): Promise<void> => Promise.reject(full);
  expect(
    await failureOf(client.pullInto({ repoKey: 'libs', digest: sha256(bytes), target: { ...target, write } })),
  ).toBe(full);
});
