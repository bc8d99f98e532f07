import type { Dirent } from 'node:fs';
import { opendir, readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { ListedMultipart, ListedObject } from '../object-store.ts';
import { codeOf, toStoreError } from './files.ts';
import { fanOutOf } from './folders.ts';
import { FOLDER_MULTIPART, MANIFEST_NAME, parseManifest } from './layout.ts';

/** A folder of an attempt to upload, complete where it has a manifest. */
interface Attempt {
  key: string;
  folder: string;
  complete: boolean;
  modifiedAt: Date;
}

/** Objects whose manifest can't be read count as empty: they are there, and something is wrong with them. */
export async function* listObjects(root: string): AsyncGenerator<ListedObject> {
  for await (const { key, folder, complete, modifiedAt } of attempts(root)) {
    if (complete) yield { key, lengthBytes: await lengthOf(folder), modifiedAt };
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
    for await (const digest of entries(prefix)) {
      for await (const folder of entries(digest)) {
        const attempt = await inspect(root, folder);
        if (attempt !== undefined) yield attempt;
      }
    }
  }
}

/** @returns undefined where it has gone since it was listed. */
async function inspect(root: string, folder: string): Promise<Attempt | undefined> {
  try {
    const { mtime: modifiedAt } = await stat(folder);
    const names = await readdir(folder);
    return { key: relative(root, folder), folder, complete: names.includes(MANIFEST_NAME), modifiedAt };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw toStoreError(error, 'object_not_found', folder);
  }
}

async function lengthOf(folder: string): Promise<number> {
  try {
    return parseManifest(await readFile(join(folder, MANIFEST_NAME), 'utf8')).lengthBytes;
  } catch {
    return 0;
  }
}

/** The folders in a folder; none where it has gone. */
async function* entries(folder: string): AsyncGenerator<string> {
  let found: AsyncIterable<Dirent>;
  try {
    found = await opendir(folder);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw toStoreError(error, 'unavailable', folder);
  }
  for await (const entry of found) if (entry.isDirectory()) yield join(folder, entry.name);
}
