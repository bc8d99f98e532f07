import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Digest } from '../digest.ts';
import { StoreError } from '../errors.ts';
import { digestOfKey, type ObjectKey } from '../keys.ts';
import type { ByteRange, ObjectReader } from '../object-store.ts';
import { codeOf, readFully, toStoreError } from './files.ts';
import { BYTES_SUFFIX, MANIFEST_NAME, type Manifest, parseManifest, pathOf, WHOLE_SUFFIX } from './layout.ts';

/** Objects whose files are remembered: they never change, and one of a few files takes about 300 bytes. */
const CACHE_ENTRIES = 4096;
/** Objects of more files than this are looked up again each time, so that the cache stays small. */
const CACHE_MAXIMUM_FILES = 32;

/** Reads objects under a root folder. It holds no lock and writes nothing: any number of threads may have one. */
export interface FolderReader {
  open(key: ObjectKey, range: ByteRange): Promise<ObjectReader>;
  forget(key: ObjectKey): void;
}

/** The files that are an object, one after the other. */
interface StoredObject {
  lengthBytes: number;
  files: { path: string; sizeBytes: number }[];
  /** Of the whole object, where it was hashed as it came in. */
  sha256: Digest | undefined;
}

export function createFolderReader(root: string): FolderReader {
  const cache = new Map<ObjectKey, StoredObject>();

  const find = async (key: ObjectKey): Promise<StoredObject> => {
    const cached = cache.get(key);
    if (cached !== undefined) return cached;
    const found = await findObject(root, key);
    if (found.files.length > CACHE_MAXIMUM_FILES) return found;
    const oldest = cache.size >= CACHE_ENTRIES ? cache.keys().next().value : undefined;
    if (oldest !== undefined) cache.delete(oldest);
    cache.set(key, found);
    return found;
  };

  return {
    forget: (key) => cache.delete(key),
    async open(key, range) {
      const { lengthBytes, files } = await find(key);
      if (range.start > range.end || range.end >= lengthBytes) {
        throw new StoreError('invalid_range', `${key} has ${lengthBytes} bytes`);
      }
      const reader = readSlices(slicesOf(files, range));
      const read = (buffer: Buffer) =>
        reader.read(buffer).catch((error: unknown) => {
          // What is remembered may be what is wrong: the next reader looks again.
          cache.delete(key);
          throw error;
        });
      return { ...reader, read };
    },
  };
}

async function findObject(root: string, key: ObjectKey): Promise<StoredObject> {
  return (await findFile(root, key)) ?? (await findParts(root, key));
}

async function findFile(root: string, key: ObjectKey): Promise<StoredObject | undefined> {
  for (const suffix of [WHOLE_SUFFIX, BYTES_SUFFIX]) {
    const path = pathOf(root, key) + suffix;
    const sizeBytes = await sizeIfThere(path);
    if (sizeBytes === undefined) continue;
    const sha256 = suffix === WHOLE_SUFFIX ? digestOfKey(key) : undefined;
    return { lengthBytes: sizeBytes, files: [{ path, sizeBytes }], sha256 };
  }
  return undefined;
}

async function findParts(root: string, key: ObjectKey): Promise<StoredObject> {
  const { lengthBytes, parts } = await loadManifest(root, key);
  const files = parts.map(({ name, sizeBytes }) => ({ path: join(pathOf(root, key), name), sizeBytes }));
  return { lengthBytes, files, sha256: parts.length === 1 ? parts[0]?.sha256 : undefined };
}

/** An object as it lies there now, every file of it there and as long as it should be. @throws `object_not_found`. */
export async function inspectObject(root: string, key: ObjectKey): Promise<StoredObject> {
  const file = await findFile(root, key);
  if (file !== undefined) return file;
  const object = await findParts(root, key);
  for (const { path, sizeBytes } of object.files) {
    const size = await sizeIfThere(path);
    if (size === undefined) throw new StoreError('object_not_found', `the file ${basename(path)} is not there`);
    if (size !== sizeBytes) {
      throw new StoreError('object_not_found', `the file ${basename(path)} has ${size} bytes and not ${sizeBytes}`);
    }
  }
  return object;
}

export async function sizeIfThere(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw toStoreError(error, 'object_not_found', `the file ${basename(path)}`);
  }
}

/** The parts that are an object. @throws `object_not_found` where there is none, or none that came in parts. */
export async function loadManifest(root: string, key: ObjectKey): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(join(pathOf(root, key), MANIFEST_NAME), 'utf8');
  } catch (error) {
    throw toStoreError(error, 'object_not_found', `the object ${key}`);
  }
  try {
    return parseManifest(text);
  } catch (error) {
    throw new StoreError('object_not_found', `the manifest of ${key} is damaged`, error);
  }
}

/** A piece of one file. */
interface Slice {
  path: string;
  position: number;
  lengthBytes: number;
}

function slicesOf(files: StoredObject['files'], range: ByteRange): Slice[] {
  const slices: Slice[] = [];
  let offset = 0;
  for (const { path, sizeBytes } of files) {
    const start = Math.max(range.start, offset);
    const end = Math.min(range.end + 1, offset + sizeBytes);
    if (start < end) slices.push({ path, position: start - offset, lengthBytes: end - start });
    offset += sizeBytes;
  }
  return slices;
}

/** Reads one slice after the other; the file of the current one is open. */
function readSlices(slices: readonly Slice[]): ObjectReader {
  let current = 0;
  let doneInCurrent = 0;
  let handle: FileHandle | undefined;

  const close = async (): Promise<void> => {
    const open = handle;
    handle = undefined;
    await open?.close();
  };

  const readSome = async (buffer: Buffer, slice: Slice): Promise<number> => {
    try {
      handle ??= await open(slice.path, 'r');
      const wanted = buffer.subarray(0, Math.min(buffer.length, slice.lengthBytes - doneInCurrent));
      if ((await readFully(handle, wanted, slice.position + doneInCurrent)) < wanted.length) {
        throw new StoreError('object_not_found', `the file ${basename(slice.path)} is shorter than it was`);
      }
      return wanted.length;
    } catch (error) {
      throw toStoreError(error, 'object_not_found', `the file ${basename(slice.path)}`);
    }
  };

  return {
    async read(buffer) {
      let filled = 0;
      for (let slice = slices[current]; slice !== undefined && filled < buffer.length; slice = slices[current]) {
        const count = await readSome(buffer.subarray(filled), slice);
        filled += count;
        doneInCurrent += count;
        if (doneInCurrent < slice.lengthBytes) continue;
        await close();
        current += 1;
        doneInCurrent = 0;
      }
      return filled;
    },
    close,
  };
}
