import type { FileHandle } from 'node:fs/promises';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sourceOfFile } from '../client/platform.ts';
import type { PushSource } from '../client/source-types.ts';
import type { CliContext } from './context.ts';
import { UsageError } from './failures.ts';

/** What tells a file, and each of its states, from another, as text; times are nanoseconds. */
export interface FileIdentity {
  readonly device: string;
  readonly inode: string;
  readonly sizeBytes: string;
  readonly modified: string;
  readonly changed: string;
}

/** A file open for pushing; its owner closes it. */
export interface FileSource extends PushSource {
  readonly identity: FileIdentity;
  close(): Promise<void>;
}

async function fileSource(handle: FileHandle): Promise<FileSource> {
  const { dev, ino, size, mtimeNs, ctimeNs } = await handle.stat({ bigint: true });
  return {
    ...sourceOfFile(handle, Number(size)),
    identity: {
      device: String(dev),
      inode: String(ino),
      sizeBytes: String(size),
      modified: String(mtimeNs),
      changed: String(ctimeNs),
    },
    close: () => handle.close(),
  };
}

export function isSameFile(left: FileIdentity, right: FileIdentity): boolean {
  return (
    left.device === right.device &&
    left.inode === right.inode &&
    left.sizeBytes === right.sizeBytes &&
    left.modified === right.modified &&
    left.changed === right.changed
  );
}

/** Opens a file once: what is hashed and what is sent are the same file, even if its name moves on. */
export async function openFileSource(file: string): Promise<FileSource> {
  const handle = await open(file, 'r');
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw new UsageError(`${file} is a folder: push what is in it, or an archive of it.`);
    if (!stat.isFile()) throw new UsageError(`${file} is not a regular file: pipe it in, and push "-".`);
    return await fileSource(handle);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/**
 * Standard input as a source: its digest has to be known before the first byte is sent, so it is spooled to a file that only
 * this process can reach, and that is gone with it, whatever happens.
 */
export async function spoolStdin(context: CliContext, onBytes: (bytes: number) => void): Promise<FileSource> {
  const folder = await mkdtemp(path.join(tmpdir(), 'artifortress-'));
  try {
    const handle = await open(path.join(folder, 'stdin'), 'wx+', 0o600);
    try {
      await spool(handle, context, onBytes);
      return await fileSource(handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function spool(handle: FileHandle, context: CliContext, onBytes: (bytes: number) => void): Promise<void> {
  const { stdin } = context.environment;
  const stop = (): void => void stdin.destroy();
  context.signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stdin) {
      const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
      await handle.writeFile(bytes);
      onBytes(bytes.byteLength);
    }
  } catch (error) {
    context.signal.throwIfAborted();
    throw error;
  }
  context.signal.throwIfAborted();
}
