import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { chmod, mkdir, open, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface CopiedFile {
  /** Relative, with slashes. */
  path: string;
  bytes: number;
  sha256: string;
}

/** Files that are copied at once. */
const COPIES_AT_ONCE = 4;
/** Files that are synced at once: the disk takes many in one go. */
const SYNCS_AT_ONCE = 32;
const CHUNK_BYTES = 1024 ** 2;

/** The files below a folder, and its empty folders, by relative paths; what `isLeftOut` names is not looked into. */
export async function listTree(
  root: string,
  isLeftOut: (path: string) => boolean = () => false,
): Promise<{ files: string[]; folders: string[] }> {
  const files: string[] = [];
  const folders: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await ifThere(readdir(join(root, folder), { withFileTypes: true }), [])) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (isLeftOut(path)) continue;
      if (entry.isDirectory()) {
        folders.push(path);
        await walk(path);
      } else if (entry.isFile()) files.push(path);
    }
  };
  await walk('');
  return { files, folders };
}

/**
 * Copies files with their modes, and says what bytes it copied. To sync them is left to {@link syncTree}. A file that vanishes meanwhile is left out: in a database
 * that is in use, and in a store, that happens.
 */
export async function copyFiles(
  from: string,
  to: string,
  files: readonly string[],
  onCopied: (file: CopiedFile) => void,
): Promise<void> {
  await eachOf(files, COPIES_AT_ONCE, async (path) => {
    const copied = await ifThere(copyFile(join(from, path), join(to, path)), undefined);
    if (copied !== undefined) onCopied({ path, ...copied });
  });
}

async function eachOf(paths: readonly string[], atOnce: number, work: (path: string) => Promise<void>): Promise<void> {
  const left = [...paths].toReversed();
  const worker = async (): Promise<void> => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) await work(path);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** @returns length and digest of the bytes that were written. */
async function copyFile(source: string, target: string): Promise<Omit<CopiedFile, 'path'>> {
  const { mode } = await stat(source);
  await mkdir(dirname(target), { recursive: true, mode: 0o700 });
  await using output = await open(target, 'wx', 0o600);
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of createReadStream(source, { highWaterMark: CHUNK_BYTES })) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a file is read as bytes');
    hash.update(chunk);
    bytes += chunk.length;
    await output.writeFile(chunk);
  }
  await chmod(target, mode & 0o777);
  return { bytes, sha256: hash.digest('hex') };
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  await using handle = await open(path);
  await handle.sync();
}

/** Syncs every file and every folder below a root, and the root. */
export async function syncTree(root: string): Promise<void> {
  const { files, folders } = await listTree(root);
  await eachOf([...files, ...folders, '.'], SYNCS_AT_ONCE, async (path) => {
    await using handle = await open(join(root, path));
    await handle.sync();
  });
}

async function ifThere<Result>(work: Promise<Result>, otherwise: Result): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return otherwise;
    throw error;
  }
}
