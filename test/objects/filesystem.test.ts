import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestSchema } from '../../src/objects/digest.ts';
import { MANIFEST_DRAFT_PREFIX, manifestOf, partFile, pathOf } from '../../src/objects/filesystem/layout.ts';
import type { FilesystemStore } from '../../src/objects/filesystem/store.ts';
import type { ObjectKey } from '../../src/objects/keys.ts';
import { type ByteRange, type MultipartId, PART_LIMITS } from '../../src/objects/object-store.ts';
import { createTestClock } from '../support/test-clock.ts';
import { bodyOf, sha256, uniqueBytes } from '../support/uploading.ts';
import { type Folder, keyOf, makeFolder, openFolderOfServer } from './folder.ts';
import { describeObjectStore } from './object-store-contract.ts';
import { readObject } from './read-object.ts';

describeObjectStore('the folder store', openFolderOfServer);

let folder: Folder;
let store: FilesystemStore;

beforeAll(async () => {
  folder = await makeFolder();
  store = await folder.open();
});

afterAll(() => folder[Symbol.asyncDispose]());

const filesOf = async (key: ObjectKey) => (await readdir(pathOf(folder.root, key))).sort();
const stillOpen = () => Promise.resolve(true);

async function begin(bytes = uniqueBytes()): Promise<{ key: ObjectKey; multipartId: MultipartId; bytes: Buffer }> {
  const key = keyOf(bytes);
  return { key, multipartId: await store.createMultipart(key, { checksummed: false }), bytes };
}

/** Begins an upload and sends one part of it, of other bytes than were declared: it takes a manifest to make that an object. */
async function beginWithOther(): Promise<{ key: ObjectKey; multipartId: MultipartId; bytes: Buffer; etag: string }> {
  const { key, multipartId } = await begin();
  const bytes = uniqueBytes();
  const { etag } = await receive(key, bytes);
  return { key, multipartId, bytes, etag };
}

async function receive(key: ObjectKey, bytes: Buffer, options: { by?: FilesystemStore; partNumber?: number } = {}) {
  const permit = {
    key,
    uploadId: key,
    partNumber: options.partNumber ?? 1,
    expiresAt: new Date(),
    sha256: undefined,
    sizeBytes: undefined,
  };
  return await (options.by ?? store).receivePart(permit, bodyOf(bytes), bytes.length, stillOpen);
}

describe('what a crash leaves', () => {
  test('in the middle of a body is no part', async () => {
    const { key, multipartId } = await begin();
    await writeFile(join(pathOf(folder.root, key), 'incoming-0123456789abcdef'), 'half a par');
    expect(await store.listParts(key, multipartId)).toEqual([]);
  });

  test('in the middle of a body does not keep the upload from its completion', async () => {
    const { key, multipartId, bytes } = await begin();
    await writeFile(join(pathOf(folder.root, key), 'incoming-0123456789abcdef'), 'half a par');
    const { etag } = await receive(key, bytes);
    await store.completeMultipart(key, multipartId, [{ partNumber: 1, etag }]);
    expect((await readObject(store, key, { start: 0, end: bytes.length - 1 })).equals(bytes)).toBe(true);
  });

  test('in the middle of a body is gone from an object once that is complete', async () => {
    const { key, multipartId, etag } = await beginWithOther();
    await writeFile(join(pathOf(folder.root, key), 'incoming-0123456789abcdef'), 'half a par');
    await store.completeMultipart(key, multipartId, [{ partNumber: 1, etag }]);
    expect(await filesOf(key)).toEqual(['manifest.json', expect.stringMatching(/^part-00001-/)]);
  });

  test('before the manifest is no object', async () => {
    const { key, bytes } = await begin();
    await receive(key, bytes);
    await expect(store.head(key)).rejects.toMatchObject({ kind: 'object_not_found' });
  });

  test('between the removal of the manifest and of the parts is removed by purging again', async () => {
    const { key, multipartId, etag } = await beginWithOther();
    await store.completeMultipart(key, multipartId, [{ partNumber: 1, etag }]);
    await rm(join(pathOf(folder.root, key), 'manifest.json'));
    await store.purge(key);
    await expect(stat(pathOf(folder.root, key))).rejects.toThrow('ENOENT');
  });

  test('is not what a manifest names: a part that is missing is a missing object, not a short one', async () => {
    const { key, multipartId, etag } = await beginWithOther();
    await store.completeMultipart(key, multipartId, [{ partNumber: 1, etag }]);
    const [, part = ''] = await filesOf(key);
    await rm(join(pathOf(folder.root, key), part));
    const reading = readObject(store, key, { start: 0, end: 0 });
    await expect(reading).rejects.toMatchObject({ kind: 'object_not_found' });
  });
});

describe('of a part sent again the last counts', () => {
  test('within the same millisecond', async () => {
    const { key, multipartId } = await begin();
    const now = new Date();
    const frozen = await folder.open({ ...createTestClock(), now: () => now });
    const sent = [uniqueBytes(1), uniqueBytes(2), uniqueBytes(3), uniqueBytes(4)];
    for (const bytes of sent) await receive(key, bytes, { by: frozen });
    expect(await store.listParts(key, multipartId)).toMatchObject([{ sizeBytes: 4 }]);
  });

  test('after the clock was set back', async () => {
    const { key, multipartId } = await begin();
    let now = new Date();
    const wavering = await folder.open({ ...createTestClock(), now: () => now });
    await receive(key, uniqueBytes(1), { by: wavering });
    now = new Date(now.getTime() - 3_600_000);
    await receive(key, uniqueBytes(2), { by: wavering });
    expect(await store.listParts(key, multipartId)).toMatchObject([{ sizeBytes: 2 }]);
  });

  test('for each part on its own', async () => {
    const { key, multipartId } = await begin();
    for (const partNumber of [2, 10_000, 1, 2]) await receive(key, uniqueBytes(partNumber % 100), { partNumber });
    const parts = await store.listParts(key, multipartId);
    expect(parts.map((part) => part.partNumber)).toEqual([1, 2, 10_000]);
  });
});

describe('the manifest', () => {
  test('is written once: who completes later with other parts finds it, and leaves it', async () => {
    const { key, multipartId, etag } = await beginWithOther();
    await store.completeMultipart(key, multipartId, [{ partNumber: 1, etag }]);
    const before = await readFile(join(pathOf(folder.root, key), 'manifest.json'), 'utf8');
    const late = await receive(key, uniqueBytes());
    const again = store.completeMultipart(key, multipartId, [{ partNumber: 1, etag: late.etag }]);
    await expect(again).rejects.toMatchObject({ kind: 'upload_gone' });
    expect(await readFile(join(pathOf(folder.root, key), 'manifest.json'), 'utf8')).toBe(before);
  });

  test('is one of the completions, whole, however many race', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { key, multipartId } = await begin();
      const [first, second] = [await receive(key, uniqueBytes()), await receive(key, uniqueBytes(), { partNumber: 2 })];
      const racing = await Promise.allSettled([
        store.completeMultipart(key, multipartId, [{ partNumber: 1, etag: first.etag }]),
        store.completeMultipart(key, multipartId, [{ partNumber: 2, etag: second.etag }]),
      ]);
      const [winner] = racing.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(racing.map((one) => one.status).sort()).toEqual(['fulfilled', 'rejected']);
      const { lengthBytes } = await store.head(key);
      const bytes = await readObject(store, key, { start: 0, end: lengthBytes - 1 });
      expect(sha256(bytes)).toBe(winner?.parts[0]?.etag);
    }
  });
});

test('a completion leaves alone what another one at the same time is just writing', async () => {
  const { key, multipartId, etag } = await beginWithOther();
  const draft = `${MANIFEST_DRAFT_PREFIX}0123456789abcdef`;
  await writeFile(join(pathOf(folder.root, key), draft), '{');
  await store.completeMultipart(key, multipartId, [{ partNumber: 1, etag }]);
  expect(await filesOf(key)).toContain(draft);
});

test('a part that comes when its upload no longer takes any leaves nothing', async () => {
  const { key, bytes } = await begin();
  const permit = { key, uploadId: key, partNumber: 1, expiresAt: new Date(), sha256: undefined, sizeBytes: undefined };
  const late = store.receivePart(permit, bodyOf(bytes), bytes.length, () => Promise.resolve(false));
  await expect(late).rejects.toMatchObject({ kind: 'upload_gone' });
  expect(await filesOf(key)).toEqual([]);
});

test('a part whose folder is removed while it comes in finds no place to land', async () => {
  const { key, bytes } = await begin();
  const permit = { key, uploadId: key, partNumber: 1, expiresAt: new Date(), sha256: undefined, sizeBytes: undefined };
  const purgeFirst = async () => {
    await store.purge(key);
    return true;
  };
  const late = store.receivePart(permit, bodyOf(bytes), bytes.length, purgeFirst);
  await expect(late).rejects.toMatchObject({ kind: 'upload_gone' });
  await expect(stat(pathOf(folder.root, key))).rejects.toThrow('ENOENT');
});

describe('an object that came as one part of the declared digest', () => {
  const partsOf = (etag: string) => [{ partNumber: 1, etag }];
  const wholeOf = (key: ObjectKey) => `${pathOf(folder.root, key)}.whole`;

  async function sent(length?: number) {
    const upload = await begin(uniqueBytes(length));
    const { etag } = await receive(upload.key, upload.bytes);
    return { ...upload, etag };
  }

  /** A second part, of no bytes: with it or without it, the parts are the declared bytes. */
  async function sentWithAnother() {
    const upload = await sent(PART_LIMITS.minimumBytes);
    const { etag } = await receive(upload.key, Buffer.alloc(0), { partNumber: 2 });
    return { ...upload, both: [...partsOf(upload.etag), { partNumber: 2, etag }] };
  }

  test('is one file, and nothing is left of the upload', async () => {
    const { key, multipartId, bytes, etag } = await sent();
    expect(await store.completeMultipart(key, multipartId, partsOf(etag))).toEqual({
      lengthBytes: bytes.length,
      parts: [{ partNumber: 1, sizeBytes: bytes.length, etag }],
      sha256: sha256(bytes),
    });
    expect(await readFile(wholeOf(key))).toEqual(bytes);
    await expect(filesOf(key)).rejects.toThrow('ENOENT');
  });

  test('is vouched for', async () => {
    const { key, multipartId, etag } = await sent();
    await store.completeMultipart(key, multipartId, partsOf(etag));
    const head = await store.head(key);
    const vouched = [etag, sha256(uniqueBytes())].map((digest) => head.vouchesFor(digestSchema.parse(digest)));
    expect(vouched).toEqual([true, false]);
  });

  test('takes with it what else was sent, and the versions that were replaced', async () => {
    const { key, multipartId, bytes } = await begin();
    await receive(key, uniqueBytes());
    const { etag } = await receive(key, bytes);
    await receive(key, uniqueBytes(), { partNumber: 2 });
    await store.completeMultipart(key, multipartId, partsOf(etag));
    await expect(filesOf(key)).rejects.toThrow('ENOENT');
    expect(await readFile(wholeOf(key))).toEqual(bytes);
  });

  test('whose completion was cut off before the folder was gone is completed by asking again', async () => {
    const { key, multipartId, bytes, etag } = await sent();
    const [part = ''] = await filesOf(key);
    await rename(join(pathOf(folder.root, key), part), wholeOf(key));
    const completed = await store.completeMultipart(key, multipartId, partsOf(etag));
    expect(completed).toMatchObject({ lengthBytes: bytes.length, sha256: etag });
    await expect(store.completeMultipart(key, multipartId, partsOf(sha256(uniqueBytes())))).rejects.toMatchObject({
      kind: 'upload_gone',
    });
    await store.purge(key);
    expect(await nothingOf(key)).toBe(true);
  });

  test('comes before a manifest that another completion writes at the same time', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { key, multipartId, bytes, etag, both } = await sentWithAnother();
      const racing = await Promise.allSettled([
        store.completeMultipart(key, multipartId, partsOf(etag)),
        store.completeMultipart(key, multipartId, both),
      ]);
      expect(racing.map((one) => one.status)).toContain('fulfilled');
      expect((await readObject(store, key, { start: 0, end: bytes.length - 1 })).equals(bytes)).toBe(true);
    }
  });

  test('is found by the next reader, where one that goes by a manifest has missed the part', async () => {
    const { key, multipartId, bytes, both } = await sentWithAnother();
    await store.completeMultipart(key, multipartId, both);
    const last = { start: bytes.length - 1, end: bytes.length - 1 };
    await readObject(store, key, last);
    const part = (await filesOf(key)).find((name) => name.startsWith('part-00001')) ?? '';
    await rename(join(pathOf(folder.root, key), part), wholeOf(key));
    await expect(readObject(store, key, last)).rejects.toMatchObject({ kind: 'object_not_found' });
    expect(await readObject(store, key, last)).toEqual(bytes.subarray(-1));
  });

  test('leaves nothing where it is purged while it is completed', async () => {
    for (let round = 0; round < 20; round += 1) {
      const { key, multipartId, etag } = await sent();
      // So that the removal of the folder takes long enough for the completion to come in the middle of it.
      const names = Array.from({ length: 100 }, (_none, index) => join(pathOf(folder.root, key), `incoming-${index}`));
      await Promise.all(names.map((name) => writeFile(name, '')));
      const purged = store.purge(key);
      await sleep(round / 10);
      await Promise.allSettled([store.completeMultipart(key, multipartId, partsOf(etag)), purged]);
      expect(await nothingOf(key)).toBe(true);
    }
  });

  test('is an object in a list, and its folder that is left no second one', async () => {
    const { key, multipartId, bytes, etag } = await sent();
    await store.completeMultipart(key, multipartId, partsOf(etag));
    await mkdir(pathOf(folder.root, key));
    const listed: unknown[] = [];
    for await (const one of store.listObjects()) if (one.key === key) listed.push(one.lengthBytes);
    expect(listed).toEqual([bytes.length]);
  });
});

describe('an object that came in one request', () => {
  const put = async (bytes: Buffer) => {
    const key = keyOf(bytes);
    await store.put(key, bodyOf(bytes), bytes.length);
    return key;
  };

  test('is one file', async () => {
    const bytes = uniqueBytes();
    expect(await readFile(`${pathOf(folder.root, await put(bytes))}.bytes`)).toEqual(bytes);
  });

  test('is missing where its file is', async () => {
    const key = await put(uniqueBytes());
    await rm(`${pathOf(folder.root, key)}.bytes`);
    await expect(store.head(key)).rejects.toMatchObject({ kind: 'object_not_found' });
  });

  test('is nothing before it has its name, and purging it removes what had come in', async () => {
    const key = keyOf(uniqueBytes());
    await writeFile(`${pathOf(folder.root, key)}.incoming`, 'half an obj');
    await expect(store.head(key)).rejects.toMatchObject({ kind: 'object_not_found' });
    const listed: string[] = [];
    for await (const one of store.listMultiparts()) listed.push(one.key);
    expect(listed).toContain(key);
    await store.purge(key);
    expect(await nothingOf(key)).toBe(true);
  });

  test('finds no place to land where it is purged while it comes in', async () => {
    const bytes = uniqueBytes();
    const key = keyOf(bytes);
    async function* purgedOnTheWay() {
      yield bytes.subarray(0, 1);
      await store.purge(key);
      yield bytes.subarray(1);
    }
    const late = store.put(key, Readable.from(purgedOnTheWay()), bytes.length);
    await expect(late).rejects.toMatchObject({ kind: 'upload_gone' });
    expect(await nothingOf(key)).toBe(true);
  });

  test('is not vouched for: nobody wrote down what its bytes are', async () => {
    const bytes = uniqueBytes();
    const head = await store.head(await put(bytes));
    expect(head.vouchesFor(digestSchema.parse(sha256(bytes)))).toBe(false);
  });
});

const nothingOf = async (key: ObjectKey) => {
  const path = pathOf(folder.root, key);
  return (await readdir(dirname(path))).every((name) => !name.startsWith(basename(path)));
};

test("purging one upload and beginning another of the same bytes never get in each other's way", async () => {
  const bytes = uniqueBytes();
  for (let round = 0; round < 50; round += 1) {
    const old = keyOf(bytes);
    await store.createMultipart(old, { checksummed: false });
    const next = keyOf(bytes);
    await Promise.all([store.purge(old), store.put(next, bodyOf(bytes), bytes.length)]);
    expect(await store.head(next)).toMatchObject({ lengthBytes: bytes.length });
    await store.purge(next);
  }
});

test('a folder that is opened a second time keeps what is in it', async () => {
  const [bytes, key] = [uniqueBytes(), keyOf(uniqueBytes())];
  await store.put(key, bodyOf(bytes), bytes.length);
  const reopened = await folder.open();
  expect((await readObject(reopened, key, { start: 0, end: bytes.length - 1 })).equals(bytes)).toBe(true);
});

/** Writes an object of parts of any size: by the API all but the last have at least 5 MiB. */
async function writeObject(parts: readonly Buffer[]): Promise<ObjectKey> {
  const key = keyOf(Buffer.concat(parts));
  await mkdir(pathOf(folder.root, key), { recursive: true });
  const files = parts.map((part, index) =>
    partFile(index + 1, '0'.repeat(17), part.length, digestSchema.parse(sha256(part))),
  );
  for (const [index, { name }] of files.entries())
    await writeFile(join(pathOf(folder.root, key), name), parts[index] ?? '');
  await writeFile(join(pathOf(folder.root, key), 'manifest.json'), JSON.stringify(manifestOf(files)));
  return key;
}

test('any range of an object of any parts, read in pieces of any size, is that slice of its bytes', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 12 });
  const property = fc.asyncProperty(
    sizes,
    fc.nat(),
    fc.nat(),
    fc.integer({ min: 1, max: 500 }),
    async (lengths, a, b, piece) => {
      const parts = lengths.map((length) => uniqueBytes(length));
      const bytes = Buffer.concat(parts);
      fc.pre(bytes.length > 0);
      const [start = 0, end = 0] = [a % bytes.length, b % bytes.length].sort((left, right) => left - right);
      const range: ByteRange = { start, end };
      const key = await writeObject(parts);
      expect((await readObject(store, key, range, piece)).equals(bytes.subarray(start, end + 1))).toBe(true);
      await store.purge(key);
    },
  );
  await fc.assert(property, { numRuns: 150 });
});
