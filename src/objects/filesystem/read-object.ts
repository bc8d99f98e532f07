import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { StoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import type { ByteRange, ObjectBody, ReadOptions } from '../object-store.ts';
import { readFully, toStoreError } from './files.ts';
import { folderOf, MANIFEST_NAME, type Manifest, parseManifest } from './layout.ts';

/** Manifests remembered: they never change, and a small one takes about 300 bytes. */
const MANIFEST_CACHE_ENTRIES = 4096;
/** Manifests of more parts than this are read again each time, so that the cache stays small. */
const MANIFEST_CACHE_MAXIMUM_PARTS = 32;

/** Reads objects under a root folder. It holds no lock and writes nothing: any number of threads may have one. */
export interface ObjectReader {
  manifest(key: ObjectKey): Promise<Manifest>;
  read(key: ObjectKey, options: ReadOptions): Promise<ObjectBody>;
  forget(key: ObjectKey): void;
}

export function createObjectReader(root: string): ObjectReader {
  const cache = new Map<ObjectKey, Manifest>();

  const manifest = async (key: ObjectKey): Promise<Manifest> => {
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const loaded = await loadManifest(root, key);
    if (loaded.parts.length > MANIFEST_CACHE_MAXIMUM_PARTS) return loaded;
    const oldest = cache.size >= MANIFEST_CACHE_ENTRIES ? cache.keys().next().value : undefined;
    if (oldest !== undefined) cache.delete(oldest);
    cache.set(key, loaded);
    return loaded;
  };

  return {
    manifest,
    forget: (key) => cache.delete(key),
    async read(key, { range, chunkBytes }) {
      const { lengthBytes, parts } = await manifest(key);
      if (range.start > range.end || range.end >= lengthBytes) {
        throw new StoreError('invalid_range', `${key} has ${lengthBytes} bytes`);
      }
      const chunks = readSlices(folderOf(root, key), slicesOf(parts, range), chunkBytes);
      // The first chunk is read before anything is answered: what is missing or damaged shows as an error, not as a broken body.
      const first = await chunks.next();
      if (!first.done && first.value.length === range.end - range.start + 1) {
        await chunks.return(undefined);
        return first.value;
      }
      return Readable.from(resume(first, chunks), { objectMode: false, highWaterMark: chunkBytes });
    },
  };
}

async function loadManifest(root: string, key: ObjectKey): Promise<Manifest> {
  try {
    return parseManifest(await readFile(join(folderOf(root, key), MANIFEST_NAME), 'utf8'));
  } catch (error) {
    throw toStoreError(error, 'object_not_found', `the object ${key}`);
  }
}

/** A piece of one part's file. */
interface Slice {
  name: string;
  position: number;
  lengthBytes: number;
}

function slicesOf(parts: Manifest['parts'], range: ByteRange): Slice[] {
  const slices: Slice[] = [];
  let offset = 0;
  for (const { name, sizeBytes } of parts) {
    const start = Math.max(range.start, offset);
    const end = Math.min(range.end + 1, offset + sizeBytes);
    if (start < end) slices.push({ name, position: start - offset, lengthBytes: end - start });
    offset += sizeBytes;
  }
  return slices;
}

async function* readSlices(
  folder: string,
  slices: readonly Slice[],
  chunkBytes: number,
): AsyncGenerator<Buffer, undefined> {
  for (const { name, position, lengthBytes } of slices) {
    let handle: FileHandle | undefined;
    try {
      handle = await open(join(folder, name), 'r');
      for (let done = 0; done < lengthBytes; ) {
        const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, lengthBytes - done));
        if ((await readFully(handle, chunk, position + done)) < chunk.length) {
          throw new StoreError('object_not_found', `the file ${name} is shorter than its name says`);
        }
        yield chunk;
        done += chunk.length;
      }
    } catch (error) {
      throw toStoreError(error, 'object_not_found', `the file ${name}`);
    } finally {
      await handle?.close();
    }
  }
  return undefined;
}

async function* resume(
  first: IteratorResult<Buffer, undefined>,
  rest: AsyncGenerator<Buffer, undefined>,
): AsyncGenerator<Buffer> {
  try {
    if (!first.done) yield first.value;
    yield* rest;
  } finally {
    // Destroyed before the first chunk went out: the file behind it is closed all the same.
    await rest.return(undefined);
  }
}
