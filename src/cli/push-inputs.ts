import { glob, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { UsageError } from './failures.ts';

/** `-` for standard input, or the path of a file as it was given or found. */
export type PushInputName = string;

const GLOB_CHARACTERS = /[*?[{]/;

/**
 * The files that the arguments name: a file as it is, a folder with all that is in it, a pattern (where the shell has not seen
 * to it) with all that it matches. Each once, in the order of the arguments and then of the names.
 */
export async function expandInputs(args: readonly string[]): Promise<PushInputName[]> {
  if (args.filter((arg) => arg === '-').length > 1) throw new UsageError('Standard input can be pushed only once.');
  const found: string[] = [];
  for (const arg of args) found.push(...(arg === '-' ? ['-'] : await filesOf(arg)));
  return [...new Map(found.map((file) => [file === '-' ? file : path.resolve(file), file])).values()];
}

async function filesOf(arg: string): Promise<string[]> {
  const info = await stat(arg).catch((error: unknown) => {
    // A name with a star in it may be a file's own: only where there is none is it a pattern.
    if (GLOB_CHARACTERS.test(arg)) return null;
    throw error;
  });
  if (info === null) return filesOfPattern(arg);
  if (info.isDirectory()) return filesOfFolder(arg);
  if (!info.isFile()) throw new UsageError(`${arg} is not a regular file: pipe it in, and push "-".`);
  return [arg];
}

async function filesOfPattern(pattern: string): Promise<string[]> {
  const files: string[] = [];
  for await (const name of glob(pattern)) {
    if ((await stat(name).catch(() => null))?.isFile() === true) files.push(name);
  }
  if (files.length === 0) throw new UsageError(`No file matches ${pattern}.`);
  return files.sort();
}

/** Links to files are followed, links to folders are not: those could go round in circles. */
async function filesOfFolder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files: string[] = [];
  for (const entry of entries) {
    const file = path.join(entry.parentPath, entry.name);
    const isFile =
      entry.isFile() || (entry.isSymbolicLink() && (await stat(file).catch(() => null))?.isFile() === true);
    if (isFile) files.push(file);
  }
  if (files.length === 0) throw new UsageError(`There is no file in the folder ${folder}.`);
  return files.sort();
}
