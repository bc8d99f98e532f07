import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { FilesystemStore } from '../../src/objects/filesystem/store.ts';
import { createHashPool, type HashPool } from '../../src/uploads/hash-pool.ts';
import { type Folder, keyOf, makeFolder } from '../objects/folder.ts';
import { bodyOf, sha256 } from '../support/uploading.ts';

const MIB = 1024 ** 2;
/** Below, at and above what is read at once. */
const SIZES = [1, MIB / 2 - 1, MIB / 2, MIB / 2 + 1, 2 * MIB, 3 * MIB + 7, 40 * MIB];

let folder: Folder;
let store: FilesystemStore;
let pool: HashPool;

beforeAll(async () => {
  folder = await makeFolder();
  store = await folder.open();
});

afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

beforeEach(() => {
  pool = createHashPool({ driver: 'filesystem', root: folder.root }, { threads: 2, waiting: 100 });
});

afterEach(() => pool.close());

async function stored(size: number) {
  const bytes = randomBytes(size);
  const key = keyOf(bytes);
  await store.put(key, bodyOf(bytes), size);
  return { key, lengthBytes: size, digest: sha256(bytes) };
}

const nothing = (): void => undefined;

test('objects of every size, one behind the other and two at once, get their own digests', async () => {
  const objects = await Promise.all([...SIZES, ...SIZES.toReversed()].map(stored));
  const digests = await Promise.all(objects.map((object) => pool.hash(object, nothing)));
  expect(digests).toEqual(objects.map(({ digest }) => digest));
  expect(pool.totals).toMatchObject({ hashed: objects.length, failed: 0 });
});

test('how far it is comes in between', async () => {
  const object = await stored(70 * MIB);
  const seen: number[] = [];
  await pool.hash(object, (bytes) => seen.push(bytes));
  expect(seen).toEqual([32 * MIB, 64 * MIB]);
});

test('an object that is not there fails, and the next one does not', async () => {
  const next = await stored(5 * MIB);
  const missing = pool.hash({ key: keyOf(randomBytes(1)), lengthBytes: 10 }, nothing);
  await expect(missing).rejects.toMatchObject({ kind: 'object_not_found' });
  expect(await pool.hash(next, nothing)).toBe(next.digest);
});

test('a pool that closes ends its threads, and what they were at', async () => {
  const object = await stored(40 * MIB);
  const running = pool.hash(object, nothing);
  const failed = expect(running).rejects.toMatchObject({ kind: 'unavailable' });
  await pool.close();
  await failed;
});
