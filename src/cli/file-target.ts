import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

/** Where pulled bytes go. Exactly one of `keep` and `discard` ends it. */
export interface FileTarget {
  readonly file: string;
  write(this: void, bytes: Uint8Array): Promise<void>;
  /** The bytes are right: give them their name, on disk and not only in memory. */
  keep(this: void): Promise<void>;
  /** The bytes are not to be used: leave nothing. */
  discard(this: void): Promise<void>;
}

/** What a name stands for: a file, which is replaced as a whole, or something else, which is written to as it is. */
export interface TargetPlace {
  readonly kind: 'file' | 'device';
  readonly file: string;
}

/** A folder stands for a file named `fallbackName` in it, a symbolic link for what it leads to, so that it stays one. */
export async function placeOf(wanted: string, fallbackName: string): Promise<TargetPlace> {
  const existing = await stat(wanted).catch(() => null);
  if (existing?.isDirectory() === true) return { kind: 'file', file: path.join(wanted, fallbackName) };
  if (existing === null) return { kind: 'file', file: wanted };
  return existing.isFile() ? { kind: 'file', file: await realpath(wanted) } : { kind: 'device', file: wanted };
}

/** Opens a target for bytes that come one after the other. `-` is standard output's business. */
export async function openFileTarget(wanted: string, fallbackName: string): Promise<FileTarget> {
  const { kind, file } = await placeOf(wanted, fallbackName);
  return kind === 'file' ? openBeside(file) : openAsItIs(file);
}

/** A temporary name in the same folder, so that the rename is one step. */
async function openBeside(file: string): Promise<FileTarget> {
  const temporary = path.join(path.dirname(file), `.${path.basename(file)}.${randomBytes(6).toString('hex')}.partial`);
  const handle = await open(temporary, 'wx');
  return {
    file,
    write: (bytes) => writeAll(handle, bytes),
    async keep() {
      try {
        await handle.sync();
        await handle.close();
        await rename(temporary, file);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    async discard() {
      await handle.close();
      await rm(temporary, { force: true });
    },
  };
}

async function openAsItIs(file: string): Promise<FileTarget> {
  const handle = await open(file, 'w');
  return { file, write: (bytes) => writeAll(handle, bytes), keep: () => handle.close(), discard: () => handle.close() };
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.byteLength) written += (await handle.write(bytes, written)).bytesWritten;
}
