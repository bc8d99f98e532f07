import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import type { ByteRange, ObjectReader } from '../object-store.ts';
import { readFully, toStoreError } from './files.ts';
import { folderOf, MANIFEST_NAME, type Manifest, parseManifest } from './layout.ts';

/** Manifests remembered: they never change, and a small one takes about 300 bytes. */
const MANIFEST_CACHE_ENTRIES = 4096;
/** Manifests of more parts than this are read again each time, so that the cache stays small. */
const MANIFEST_CACHE_MAXIMUM_PARTS = 32;

/** Reads objects under a root folder. It holds no lock and writes nothing: any number of threads may have one. */
export interface FolderReader {
  manifest(key: ObjectKey): Promise<Manifest>;
  open(key: ObjectKey, range: ByteRange): Promise<ObjectReader>;
  forget(key: ObjectKey): void;
}

export function createFolderReader(root: string): FolderReader {
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
    async open(key, range) {
      const { lengthBytes, parts } = await manifest(key);
      if (range.start > range.end || range.end >= lengthBytes) {
        throw new StoreError('invalid_range', `${key} has ${lengthBytes} bytes`);
      }
      return readSlices(folderOf(root, key), slicesOf(parts, range));
    },
  };
}

/** An object as it lies in its folder now, every file of it there and as long as it should be. @throws `object_not_found`. */
export async function inspectObject(root: string, key: ObjectKey): Promise<Manifest> {
  const manifest = await loadManifest(root, key);
  for (const { name, sizeBytes } of manifest.parts) {
    const { size } = await stat(join(folderOf(root, key), name)).catch((error: unknown) => {
      throw toStoreError(error, 'object_not_found', `the file ${name}`);
    });
    if (size !== sizeBytes) {
      throw new StoreError('object_not_found', `the file ${name} has ${size} bytes and not ${sizeBytes}`);
    }
  }
  return manifest;
}

async function loadManifest(root: string, key: ObjectKey): Promise<Manifest> {
  let text: string;
  try {
    text = await readFile(join(folderOf(root, key), MANIFEST_NAME), 'utf8');
  } catch (error) {
    throw toStoreError(error, 'object_not_found', `the object ${key}`);
  }
  try {
    return parseManifest(text);
  } catch (error) {
    throw new StoreError('object_not_found', `the manifest of ${key} is damaged`, error);
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

/** Reads one slice after the other; the file of the current one is open. */
function readSlices(folder: string, slices: readonly Slice[]): ObjectReader {
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
      handle ??= await open(join(folder, slice.name), 'r');
      const wanted = buffer.subarray(0, Math.min(buffer.length, slice.lengthBytes - doneInCurrent));
      if ((await readFully(handle, wanted, slice.position + doneInCurrent)) < wanted.length) {
        throw new StoreError('object_not_found', `the file ${slice.name} is shorter than its name says`);
      }
      return wanted.length;
    } catch (error) {
      throw toStoreError(error, 'object_not_found', `the file ${slice.name}`);
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
