import { mkdir, readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isStoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import { codeOf, foldersUpTo, syncFolder, toStoreError } from './files.ts';
import {
  BYTES_SUFFIX,
  INCOMING_PREFIX,
  INCOMING_SUFFIX,
  MANIFEST_NAME,
  type PartFile,
  pathOf,
  WHOLE_SUFFIX,
} from './layout.ts';

export function fanOutOf(root: string): string {
  return join(root, 'blobs', 'sha256');
}

/** All 256 first folders, made once and synced, so that no upload has to make one durable. */
export async function makeFanOut(root: string): Promise<void> {
  const fanOut = fanOutOf(root);
  const created = await mkdir(fanOut, { recursive: true, mode: 0o750 });
  const present = new Set(await readdir(fanOut));
  for (let prefix = 0; prefix < 256; prefix += 1) {
    const name = prefix.toString(16).padStart(2, '0');
    if (!present.has(name)) await mkdir(join(fanOut, name), { recursive: true, mode: 0o750 });
  }
  if (present.size < 256) await syncFolder(fanOut);
  if (created !== undefined) await Promise.all(foldersUpTo(fanOut, dirname(dirname(root))).map(syncFolder));
}

/**
 * Versions that were replaced, parts that were left out, and what was still coming in or never came in whole: from now on it would
 * be refused. What can't be removed now goes with the folder some day.
 */
export async function removeUnused(folder: string, found: readonly string[], used: readonly PartFile[]): Promise<void> {
  const keep = new Set([MANIFEST_NAME, ...used.map((part) => part.name)]);
  const isBytes = (name: string) => name.startsWith('part-') || name.startsWith(INCOMING_PREFIX);
  const unused = found.filter((name) => isBytes(name) && !keep.has(name));
  await Promise.all(unused.map((name) => unlink(join(folder, name)).catch(() => undefined)));
}

/**
 * Removes the folder of an upload whose one part has become the object; what was still coming in finds no place to land. What can't
 * be removed now goes with the object some day.
 */
export async function removeEmptied(folder: string): Promise<void> {
  await rmdir(folder)
    .catch(() => removeTree(folder))
    .catch(() => undefined);
}

/** Retried, since a part may be landing at this very moment. */
async function removeTree(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function unlinkIfThere(file: string): Promise<void> {
  await unlink(file).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
}

/** Removes all that lies under a key. Not an error where nothing does. */
export async function purge(root: string, key: ObjectKey): Promise<void> {
  const path = pathOf(root, key);
  try {
    // What is coming in first, and what may still become the object before that: it then finds no place to land. The manifest before
    // its parts: an object must never be seen without one.
    await unlinkIfThere(path + INCOMING_SUFFIX);
    await unlinkIfThere(join(path, MANIFEST_NAME));
    await removeTree(path);
    await unlinkIfThere(path + BYTES_SUFFIX);
    await unlinkIfThere(path + WHOLE_SUFFIX);
  } catch (error) {
    const failure = toStoreError(error, 'object_not_found', 'the object');
    if (!isStoreError(failure, 'object_not_found')) throw failure;
  }
}
