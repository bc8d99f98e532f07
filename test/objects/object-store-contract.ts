import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Digest, digestSchema } from '../../src/objects/digest.ts';
import type { StoreErrorKind } from '../../src/objects/errors.ts';
import type { ObjectKey } from '../../src/objects/keys.ts';
import type { MultipartId, ObjectStore, PartUrl, PartUrlRequest } from '../../src/objects/object-store.ts';
import { PART_LIMITS } from '../../src/objects/object-store.ts';
import { bodyOf, sha256, uniqueBytes } from '../support/uploading.ts';
import { readObject } from './read-object.ts';

/** A store under test, with what its clients do. */
export interface StoreUnderTest {
  store: ObjectStore;
  /** A key that nothing lies under yet. */
  newKey(): Promise<ObjectKey>;
  /** Sends these bytes where the URL points, with exactly these headers. */
  putPart(url: string, headers: Record<string, string>, bytes: Uint8Array): Promise<{ status: number; etag: string }>;
  close(): Promise<void>;
}

const FIRST_PART = uniqueBytes(PART_LIMITS.minimumBytes);

const digestOf = (bytes: Uint8Array): Digest => digestSchema.parse(sha256(bytes));
const failsBy = (kind: StoreErrorKind) => expect.objectContaining({ name: 'StoreError', kind });

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

/** Every promise of `src/objects/object-store.ts`, for any driver. */
export function describeObjectStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(name, () => {
    let underTest: StoreUnderTest;
    let store: ObjectStore;

    beforeAll(async () => {
      underTest = await open();
      store = underTest.store;
    });

    afterAll(() => underTest.close());

    interface Multipart {
      key: ObjectKey;
      multipartId: MultipartId;
    }

    async function begin(options = { checksummed: false }): Promise<Multipart> {
      const key = await underTest.newKey();
      return { key, multipartId: await store.createMultipart(key, options) };
    }

    async function sign(multipart: Multipart, part: Partial<PartUrlRequest> = {}): Promise<PartUrl> {
      return await store.presignPart({
        ...multipart,
        partNumber: 1,
        expiresAt: new Date(Date.now() + 600_000),
        ...part,
      });
    }

    async function send(multipart: Multipart, bytes: Uint8Array, partNumber = 1): Promise<string> {
      const { url, headers } = await sign(multipart, { partNumber });
      const { status, etag } = await underTest.putPart(url, headers, bytes);
      expect(status).toBe(200);
      return etag;
    }

    async function complete({ key, multipartId }: Multipart, ...etags: string[]) {
      const parts = etags.map((etag, index) => ({ partNumber: index + 1, etag }));
      return await store.completeMultipart(key, multipartId, parts);
    }

    async function objectOf(bytes: Uint8Array): Promise<Multipart> {
      const multipart = await begin();
      await complete(multipart, await send(multipart, bytes));
      return multipart;
    }

    const whole = async (key: ObjectKey): Promise<Buffer> => {
      const { lengthBytes } = await store.head(key);
      return await readObject(store, key, { start: 0, end: lengthBytes - 1 });
    };

    describe('an object', () => {
      test('is not there before its upload is complete', async () => {
        const multipart = await begin();
        await send(multipart, uniqueBytes());
        await expect(store.head(multipart.key)).rejects.toEqual(failsBy('object_not_found'));
        await expect(store.open(multipart.key, { start: 0, end: 0 })).rejects.toEqual(failsBy('object_not_found'));
      });

      test('is there whole once it is', async () => {
        const bytes = uniqueBytes();
        const { key } = await objectOf(bytes);
        const { lengthBytes } = await store.head(key);
        expect([lengthBytes, (await whole(key)).equals(bytes)]).toEqual([bytes.length, true]);
      });

      test('never changes, whatever comes by its URLs later', async () => {
        const bytes = uniqueBytes();
        const multipart = await begin();
        const late = await sign(multipart);
        await complete(multipart, await send(multipart, bytes));
        await underTest.putPart(late.url, late.headers, uniqueBytes());
        expect((await whole(multipart.key)).equals(bytes)).toBe(true);
      });
    });

    describe('the URL of a part', () => {
      test('is good for no longer than was asked for', async () => {
        const expiresAt = new Date(Date.now() + 60_000);
        expect((await sign(await begin(), { expiresAt })).expiresAt.getTime()).toBeLessThanOrEqual(expiresAt.getTime());
      });

      test('takes nothing once its time is over', async () => {
        const multipart = await begin();
        const { url, headers } = await sign(multipart, { expiresAt: new Date(Date.now() - 1000) });
        expect((await underTest.putPart(url, headers, uniqueBytes())).status).toBe(403);
        expect(await store.listParts(multipart.key, multipart.multipartId)).toEqual([]);
      });

      test('needs no header where nothing was announced', async () => {
        expect((await sign(await begin())).headers).toEqual({});
      });

      test('takes the bytes that were announced', async () => {
        const bytes = uniqueBytes();
        const multipart = await begin({ checksummed: true });
        const { url, headers } = await sign(multipart, { sha256: digestOf(bytes), sizeBytes: bytes.length });
        expect((await underTest.putPart(url, headers, bytes)).status).toBe(200);
      });

      test('refuses other bytes than were announced', async () => {
        const multipart = await begin({ checksummed: true });
        const { url, headers } = await sign(multipart, { sha256: digestOf(uniqueBytes()) });
        expect((await underTest.putPart(url, headers, uniqueBytes())).status).toBe(400);
        expect(await store.listParts(multipart.key, multipart.multipartId)).toEqual([]);
      });

      test('refuses the bytes without the headers that came with it', async () => {
        const bytes = uniqueBytes();
        const { url } = await sign(await begin({ checksummed: true }), { sha256: digestOf(bytes) });
        expect([400, 403]).toContain((await underTest.putPart(url, {}, bytes)).status);
      });

      test('refuses another size than was announced', async () => {
        const multipart = await begin();
        const { url } = await sign(multipart, { sizeBytes: 100 });
        expect([400, 403]).toContain((await underTest.putPart(url, {}, uniqueBytes(99))).status);
        expect(await store.listParts(multipart.key, multipart.multipartId)).toEqual([]);
      });

      test('takes no other part', async () => {
        const multipart = await begin();
        const { url, headers } = await sign(multipart);
        const changed = url.replace(/\b(part|partNumber)=1\b/, '$1=2');
        expect([changed === url, (await underTest.putPart(changed, headers, uniqueBytes())).status]).toEqual([
          false,
          403,
        ]);
      });

      test('takes nothing once its upload was aborted', async () => {
        const multipart = await begin();
        const { url, headers } = await sign(multipart);
        await store.abortMultipart(multipart.key, multipart.multipartId);
        expect((await underTest.putPart(url, headers, uniqueBytes())).status).toBeGreaterThanOrEqual(400);
      });
    });

    describe('the list of parts', () => {
      test('is in their order, each with its size and ETag, without quotes', async () => {
        const multipart = await begin();
        const second = await send(multipart, uniqueBytes(20), 2);
        const first = await send(multipart, uniqueBytes(10), 1);
        expect(await store.listParts(multipart.key, multipart.multipartId)).toEqual([
          { partNumber: 1, sizeBytes: 10, etag: first },
          { partNumber: 2, sizeBytes: 20, etag: second },
        ]);
        expect(first).not.toContain('"');
      });

      test('has of a part sent again the last', async () => {
        const multipart = await begin();
        await send(multipart, uniqueBytes(30));
        const last = await send(multipart, uniqueBytes(10));
        const parts = await store.listParts(multipart.key, multipart.multipartId);
        expect(parts).toEqual([{ partNumber: 1, sizeBytes: 10, etag: last }]);
      });

      test('is empty before the first', async () => {
        const { key, multipartId } = await begin();
        expect(await store.listParts(key, multipartId)).toEqual([]);
      });

      test('is gone with its upload', async () => {
        const { key, multipartId } = await begin();
        await store.abortMultipart(key, multipartId);
        await expect(store.listParts(key, multipartId)).rejects.toEqual(failsBy('upload_gone'));
      });
    });

    describe('completing', () => {
      test('puts the parts together in their order, and says what it made', async () => {
        const multipart = await begin();
        const last = uniqueBytes(7);
        const second = await send(multipart, last, 2);
        const first = await send(multipart, FIRST_PART, 1);
        expect(await complete(multipart, first, second)).toMatchObject({
          lengthBytes: FIRST_PART.length + 7,
          parts: [
            { partNumber: 1, sizeBytes: FIRST_PART.length, etag: first },
            { partNumber: 2, sizeBytes: 7, etag: second },
          ],
        });
        expect((await whole(multipart.key)).equals(Buffer.concat([FIRST_PART, last]))).toBe(true);
      });

      test('takes exactly the parts that are named', async () => {
        const bytes = uniqueBytes();
        const multipart = await begin();
        const etag = await send(multipart, bytes, 1);
        await send(multipart, uniqueBytes(), 2);
        await complete(multipart, etag);
        expect((await whole(multipart.key)).equals(bytes)).toBe(true);
      });

      test('proves no digest but the right one', async () => {
        const bytes = uniqueBytes();
        const multipart = await begin();
        const { sha256: proved } = await complete(multipart, await send(multipart, bytes));
        expect([undefined, digestOf(bytes)]).toContain(proved);
      });

      test('of a checksummed upload of one part proves its digest, and no other', async () => {
        const bytes = uniqueBytes();
        const multipart = await begin({ checksummed: true });
        const { url, headers } = await sign(multipart, { sha256: digestOf(bytes) });
        const { etag } = await underTest.putPart(url, headers, bytes);
        await complete(multipart, etag);
        const head = await store.head(multipart.key);
        expect([head.vouchesFor(digestOf(bytes)), head.vouchesFor(digestOf(uniqueBytes()))]).toEqual([true, false]);
      });

      test('of several parts proves no digest', async () => {
        const multipart = await begin();
        const last = uniqueBytes(7);
        await complete(multipart, await send(multipart, FIRST_PART, 1), await send(multipart, last, 2));
        const head = await store.head(multipart.key);
        expect(head.vouchesFor(digestOf(Buffer.concat([FIRST_PART, last])))).toBe(false);
      });

      test('ends the list of parts', async () => {
        const multipart = await begin();
        await complete(multipart, await send(multipart, uniqueBytes()));
        await expect(store.listParts(multipart.key, multipart.multipartId)).rejects.toEqual(failsBy('upload_gone'));
      });

      test('of parts whose reply was lost is told by the object: their number, order and sizes', async () => {
        const multipart = await begin();
        const etags = [await send(multipart, FIRST_PART, 1), await send(multipart, uniqueBytes(7), 2)];
        const { parts, lengthBytes } = await complete(multipart, ...etags);
        expect(await complete(multipart, ...etags)).toMatchObject({ parts, lengthBytes });
      });

      test('again answers the same', async () => {
        const multipart = await begin();
        const etag = await send(multipart, uniqueBytes());
        const first = await complete(multipart, etag);
        expect(await complete(multipart, etag)).toEqual(first);
      });

      test('many times at once answers the same', async () => {
        const multipart = await begin();
        const etag = await send(multipart, uniqueBytes());
        const [first, ...others] = await Promise.all(Array.from({ length: 8 }, () => complete(multipart, etag)));
        for (const other of others) expect(other).toEqual(first);
      });

      test('again with other parts is refused, and changes nothing', async () => {
        const [bytes, multipart] = [uniqueBytes(), await begin()];
        const etag = await send(multipart, bytes);
        await complete(multipart, etag);
        await expect(complete(multipart, 'f'.repeat(64))).rejects.toEqual(failsBy('upload_gone'));
        expect((await whole(multipart.key)).equals(bytes)).toBe(true);
      });

      test.each<[string, (etag: string) => string[]]>([
        ['a part that was not sent', (etag) => [etag, etag]],
        ['another ETag', () => ['f'.repeat(64)]],
      ])('with %s is refused, and changes nothing', async (_what, wrong) => {
        const [bytes, multipart] = [uniqueBytes(PART_LIMITS.minimumBytes), await begin()];
        const etag = await send(multipart, bytes);
        await expect(complete(multipart, ...wrong(etag))).rejects.toEqual(failsBy('invalid_part'));
        await complete(multipart, etag);
        expect((await whole(multipart.key)).equals(bytes)).toBe(true);
      });

      test('with a part under the minimum that is not the last is refused', async () => {
        const multipart = await begin();
        const first = await send(multipart, FIRST_PART.subarray(1), 1);
        const second = await send(multipart, uniqueBytes(7), 2);
        await expect(complete(multipart, first, second)).rejects.toEqual(failsBy('invalid_part'));
      });

      test('what was aborted is refused, and nothing is there', async () => {
        const multipart = await begin();
        const etag = await send(multipart, uniqueBytes());
        await store.abortMultipart(multipart.key, multipart.multipartId);
        await expect(complete(multipart, etag)).rejects.toEqual(failsBy('upload_gone'));
        await expect(store.head(multipart.key)).rejects.toEqual(failsBy('object_not_found'));
      });
    });

    test('aborting may be done again, and where there is nothing', async () => {
      const { key, multipartId } = await begin();
      await store.abortMultipart(key, multipartId);
      await expect(store.abortMultipart(key, multipartId)).resolves.toBeUndefined();
    });

    describe('a body in one go', () => {
      test('is an object at once, and its digest is told', async () => {
        const [bytes, key] = [uniqueBytes(1_000_000), await underTest.newKey()];
        expect(await store.put(key, bodyOf(bytes), bytes.length)).toEqual({ sha256: digestOf(bytes) });
        expect((await whole(key)).equals(bytes)).toBe(true);
      });

      test('has its memory given back as it is written, but for what shares it with others', async () => {
        const [alone, shared, key] = [Buffer.alloc(100_000, 1), Buffer.alloc(100_000, 2), await underTest.newKey()];
        const chunks = [alone, shared.subarray(1), Buffer.alloc(200_000, 3)];
        await store.put(key, Readable.from(chunks), 399_999);
        expect(alone).toHaveLength(0);
        expect(shared).toHaveLength(100_000);
        const stored = Buffer.concat([Buffer.alloc(100_000, 1), shared.subarray(1), Buffer.alloc(200_000, 3)]);
        expect((await whole(key)).equals(stored)).toBe(true);
      });

      test.each([99, 101])('of %i bytes instead of 100 is refused, and nothing is there', async (length) => {
        const key = await underTest.newKey();
        await expect(store.put(key, bodyOf(uniqueBytes(length)), 100)).rejects.toEqual(failsBy('wrong_length'));
        await expect(store.head(key)).rejects.toEqual(failsBy('object_not_found'));
      });

      test('that breaks off is refused, and nothing is there', async () => {
        const key = await underTest.newKey();
        const body = Readable.from(
          (async function* breaksOff() {
            yield uniqueBytes(50);
            await Promise.reject(new Error('gone'));
          })(),
        );
        await expect(store.put(key, body, 100)).rejects.toThrow('gone');
        await expect(store.head(key)).rejects.toEqual(failsBy('object_not_found'));
      });

      test('that failed may be tried again', async () => {
        const [bytes, key] = [uniqueBytes(100), await underTest.newKey()];
        await expect(store.put(key, bodyOf(uniqueBytes(99)), 100)).rejects.toThrow();
        await store.put(key, bodyOf(bytes), 100);
        expect((await whole(key)).equals(bytes)).toBe(true);
      });
    });

    describe('reading', () => {
      const bytes = uniqueBytes(1000);
      let key: ObjectKey;

      beforeAll(async () => {
        ({ key } = await objectOf(bytes));
      });

      test.each([
        [0, 999],
        [0, 0],
        [999, 999],
        [10, 20],
      ])('from %i to %i gives those bytes, the last one too', async (start, end) => {
        expect((await readObject(store, key, { start, end })).equals(bytes.subarray(start, end + 1))).toBe(true);
      });

      test.each([1, 7, 999, 1000, 4096])('in pieces of %i bytes gives the same', async (pieceBytes) => {
        expect((await readObject(store, key, { start: 0, end: 999 }, pieceBytes)).equals(bytes)).toBe(true);
      });

      test('fills the buffer until the end, and then gives 0, however often', async () => {
        const reader = await store.open(key, { start: 0, end: 999 });
        const buffer = Buffer.alloc(600);
        const counts = [
          await reader.read(buffer),
          await reader.read(buffer),
          await reader.read(buffer),
          await reader.read(buffer),
        ];
        await reader.close();
        expect(counts).toEqual([600, 400, 0, 0]);
      });

      test.each([
        ['beyond the end', 0, 1000],
        ['past the end', 1000, 1000],
        ['backwards', 20, 10],
      ])('%s is refused', async (_what, start, end) => {
        await expect(store.open(key, { start, end })).rejects.toEqual(failsBy('invalid_range'));
      });

      test('may be left in the middle, and closed twice', async () => {
        const reader = await store.open(key, { start: 0, end: 999 });
        await reader.read(Buffer.alloc(10));
        await reader.close();
        await expect(reader.close()).resolves.toBeUndefined();
      });
    });

    describe('purging', () => {
      test('removes the object', async () => {
        const { key } = await objectOf(uniqueBytes());
        await store.purge(key);
        await expect(store.head(key)).rejects.toEqual(failsBy('object_not_found'));
        await expect(store.open(key, { start: 0, end: 0 })).rejects.toEqual(failsBy('object_not_found'));
      });

      test('removes an upload that was never completed', async () => {
        const multipart = await begin();
        await send(multipart, uniqueBytes());
        await store.purge(multipart.key);
        await expect(store.listParts(multipart.key, multipart.multipartId)).rejects.toEqual(failsBy('upload_gone'));
      });

      test('removes nothing under any other key', async () => {
        const bytes = uniqueBytes();
        const [gone, kept] = [await objectOf(bytes), await objectOf(bytes)];
        await store.purge(gone.key);
        expect((await whole(kept.key)).equals(bytes)).toBe(true);
      });

      test('may be done again, at once, and where nothing ever was', async () => {
        const { key } = await objectOf(uniqueBytes());
        await Promise.all([store.purge(key), store.purge(key)]);
        await store.purge(key);
        await expect(store.purge(await underTest.newKey())).resolves.toBeUndefined();
      });
    });

    describe('listing', () => {
      test('tells every object with its length', async () => {
        const { key } = await objectOf(uniqueBytes(123));
        const found = await collect(store.listObjects());
        expect(found.find((one) => one.key === key)).toMatchObject({ lengthBytes: 123, modifiedAt: expect.any(Date) });
      });

      test('tells no upload as an object, and no object as an upload', async () => {
        const { key: object } = await objectOf(uniqueBytes());
        const multipart = await begin();
        await send(multipart, uniqueBytes());
        const objects = (await collect(store.listObjects())).map((one) => one.key);
        const multiparts = (await collect(store.listMultiparts())).map((one) => one.key);
        expect([objects.includes(multipart.key), multiparts.includes(object)]).toEqual([false, false]);
      });
    });

    test('a store that can serve says so, and what it can do', async () => {
      await expect(store.ping()).resolves.toBeUndefined();
      expect(store.capabilities().filter(({ supported }) => !supported)).toEqual([]);
      expect(store.capabilities().length).toBeGreaterThan(5);
    });
  });
}
