import type { Dirent } from 'node:fs';
import { opendir, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { ListedMultipart, ListedObject } from '../object-store.ts';
import { codeOf, toStoreError } from './files.ts';
import { fanOutOf } from './folders.ts';
import { FOLDER_MULTIPART, keyOfEntry, MANIFEST_NAME, parseManifest } from './layout.ts';

const TWO_HEX = /^[0-9a-f]{2}$/;

/** What lies under a key. */
interface Attempt {
  key: string;
  complete: boolean;
  /** Asked for apart: of an object in parts it stands in the manifest. */
  lengthBytes: () => Promise<number>;
  modifiedAt: Date;
}

/** Objects whose manifest can't be read count as empty: they are there, and something is wrong with them. */
export async function* listObjects(root: string): AsyncGenerator<ListedObject> {
  for await (const { key, complete, lengthBytes, modifiedAt } of attempts(root)) {
    if (complete) yield { key, lengthBytes: await lengthBytes(), modifiedAt };
  }
}

export async function* listMultiparts(root: string): AsyncGenerator<ListedMultipart> {
  for await (const { key, complete, modifiedAt } of attempts(root)) {
    if (!complete) yield { key, multipartId: FOLDER_MULTIPART, startedAt: modifiedAt };
  }
}

/** One folder of digests after the other is open, so that the memory does not grow with what is stored. */
async function* attempts(root: string): AsyncGenerator<Attempt> {
  for await (const prefix of entries(fanOutOf(root))) {
    if (!TWO_HEX.test(basename(prefix))) continue;
    for await (const entry of entries(prefix)) {
      const attempt = await inspect(root, entry);
      if (attempt !== undefined) yield attempt;
    }
  }
}

/** @returns undefined where it has gone since it was listed. */
async function inspect(root: string, path: string): Promise<Attempt | undefined> {
  const { key, kind } = keyOfEntry(relative(root, dirname(path)), basename(path));
  try {
    const found = await stat(path);
    const { mtime: modifiedAt, size } = found;
    const ofFile = () => Promise.resolve(size);
    if (kind === 'parts' && !found.isDirectory())
      return { key: relative(root, path), complete: true, lengthBytes: ofFile, modifiedAt };
    if (kind !== 'parts') return { key, complete: kind !== 'incoming', lengthBytes: ofFile, modifiedAt };
    const complete = (await readdir(path)).includes(MANIFEST_NAME);
    return { key, complete, lengthBytes: () => lengthOf(path), modifiedAt };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw toStoreError(error, 'object_not_found', path);
  }
}

async function lengthOf(folder: string): Promise<number> {
  try {
    return parseManifest(await readFile(join(folder, MANIFEST_NAME), 'utf8')).lengthBytes;
  } catch {
    return 0;
  }
}

/** What is in a folder; nothing where it has gone. */
async function* entries(folder: string): AsyncGenerator<string> {
  let found: AsyncIterable<Dirent>;
  try {
    found = await opendir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw toStoreError(error, 'unavailable', folder);
  }
  for await (const entry of found) yield join(folder, entry.name);
}
