import { readdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isStoreError, StoreError } from '../errors.ts';
import { digestOfKey, type ObjectKey } from '../keys.ts';
import type { CompletedObject } from '../object-store.ts';
import { completedObject, type NamedPart, type PartOfObject, sameParts, selectParts } from './assembly.ts';
import { syncFolder, toStoreError, writeOnce } from './files.ts';
import { removeEmptied, removeUnused } from './folders.ts';
import { currentParts, MANIFEST_NAME, manifestOf, type PartFile, pathOf, WHOLE_SUFFIX } from './layout.ts';
import { loadManifest, sizeIfThere } from './read-object.ts';

/**
 * Makes the object out of these parts of an upload. From its answer on the object is there, durably. Repeated, and at the same time
 * as others, it answers the same. @throws StoreError `invalid_part`, nothing changed; `upload_gone`.
 */
export async function completeObject(
  root: string,
  key: ObjectKey,
  wanted: readonly NamedPart[],
  draftName: string,
): Promise<CompletedObject> {
  const folder = pathOf(root, key);
  try {
    return completedObject(await assemble(folder, key, wanted, draftName));
  } catch (error) {
    if (!isStoreError(error, 'upload_gone') && !isStoreError(error, 'invalid_part')) throw error;
    // Another call may have been first: the object tells.
    const parts = await partsOfObject(root, key, wanted);
    if (parts === undefined) throw error;
    if (!sameParts(parts, wanted)) throw new StoreError('upload_gone', 'the upload was completed with other parts');
    // It may have been cut off before it had synced.
    await syncObject(folder);
    return completedObject(parts);
  }
}

async function assemble(
  folder: string,
  key: ObjectKey,
  wanted: readonly NamedPart[],
  draftName: string,
): Promise<PartOfObject[]> {
  try {
    const found = await readdir(folder);
    if (found.includes(MANIFEST_NAME)) throw new StoreError('upload_gone', 'the upload was completed');
    const parts = selectParts(currentParts(found), wanted);
    const [only] = parts;
    if (parts.length === 1 && only?.sha256 === digestOfKey(key)) await keepWhole(folder, only);
    else {
      await publish(folder, draftName, parts);
      await removeUnused(folder, found, parts);
    }
    return parts;
  } catch (error) {
    throw toStoreError(error, 'upload_gone', 'the upload');
  }
}

/** One part of the declared digest is the object: it needs no manifest, whose name and bytes would have to be synced as well. */
async function keepWhole(folder: string, part: PartFile): Promise<void> {
  await rename(join(folder, part.name), folder + WHOLE_SUFFIX);
  await Promise.all([syncFolder(dirname(folder)), removeEmptied(folder)]);
}

/** @throws StoreError `upload_gone` where another completion was first. */
async function publish(folder: string, draftName: string, parts: readonly PartFile[]): Promise<void> {
  const text = JSON.stringify(manifestOf(parts));
  const first = await writeOnce(join(folder, MANIFEST_NAME), join(folder, draftName), text);
  // The part that is the object by itself comes before any manifest.
  const overtaken = (await sizeIfThere(folder + WHOLE_SUFFIX)) !== undefined;
  if (!first || overtaken) throw new StoreError('upload_gone', 'another completion was first');
  await syncObject(folder);
}

/** Makes an object's names durable; its bytes are. */
async function syncObject(folder: string): Promise<void> {
  const syncParts = syncFolder(folder).catch((error: unknown) => {
    const failure = toStoreError(error, 'upload_gone', 'the upload');
    // Of one that is whole the folder is gone.
    if (!isStoreError(failure, 'upload_gone')) throw failure;
  });
  await Promise.all([syncParts, syncFolder(dirname(folder))]);
}

/** The parts that were made an object, as far as that is known: of one that is whole, only that its part had the declared digest. */
async function partsOfObject(
  root: string,
  key: ObjectKey,
  wanted: readonly NamedPart[],
): Promise<PartOfObject[] | undefined> {
  const sizeBytes = await sizeIfThere(pathOf(root, key) + WHOLE_SUFFIX);
  if (sizeBytes !== undefined) {
    return [{ partNumber: wanted[0]?.partNumber ?? 1, sizeBytes, sha256: digestOfKey(key) }];
  }
  try {
    return (await loadManifest(root, key)).parts;
  } catch (error) {
    if (isStoreError(error, 'object_not_found')) return undefined;
    throw error;
  }
}
