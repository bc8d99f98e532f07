import { constants } from 'node:fs';
import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StoreError, type StoreErrorKind } from '../errors.ts';

const KIND_BY_CODE: Readonly<Record<string, StoreErrorKind>> = {
  ENOSPC: 'full',
  EDQUOT: 'full',
  EFBIG: 'full',
  EACCES: 'access_denied',
  EPERM: 'access_denied',
  EROFS: 'access_denied',
  EIO: 'unavailable',
  EMFILE: 'unavailable',
  ENFILE: 'unavailable',
  ESTALE: 'unavailable',
  ENOTCONN: 'unavailable',
};

const SENTENCES: Partial<Record<StoreErrorKind, string>> = {
  full: 'the disk of the object folder is full',
  access_denied: 'the object folder refuses access',
  unavailable: 'the object folder failed',
};

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

/** A failure of the file system as the store's own; what is none passes through. `whenMissing` is what ENOENT means here. */
export function toStoreError(error: unknown, whenMissing: StoreErrorKind, what: string): unknown {
  const code = codeOf(error);
  if (code === undefined || error instanceof StoreError) return error;
  if (code === 'ENOENT' || code === 'ENOTDIR') return new StoreError(whenMissing, `${what} is not there`, error);
  const kind = KIND_BY_CODE[code];
  return kind === undefined ? error : new StoreError(kind, SENTENCES[kind] ?? kind, error);
}

/** Makes the entries of a folder durable: a rename or a new file survives a power cut only once its folder is synced. */
export async function syncFolder(path: string): Promise<void> {
  await using handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await handle.sync();
}

/** Writes a new small file and syncs it. Its folder is left for the caller to sync. */
async function writeDurably(path: string, text: string, mode = 0o640): Promise<void> {
  await using handle = await open(path, 'wx', mode);
  await handle.writeFile(text);
  await handle.sync();
}

/**
 * Writes a small file so that it exists whole or not at all, and never replaces one: the first writer wins.
 * Its folder is left for the caller to sync.
 * @returns false where there was one already.
 */
export async function writeOnce(path: string, temporaryPath: string, text: string, mode = 0o640): Promise<boolean> {
  await writeDurably(temporaryPath, text, mode);
  try {
    await link(temporaryPath, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporaryPath);
  }
}

/** Fills a buffer from a place in a file. @returns how many bytes there were. */
export async function readFully(handle: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

/** The folders from `path` up to, and without, `root`. */
export function foldersUpTo(path: string, root: string): string[] {
  const folders: string[] = [];
  for (let folder = path; folder !== root && folder !== dirname(folder); folder = dirname(folder)) folders.push(folder);
  return folders;
}
