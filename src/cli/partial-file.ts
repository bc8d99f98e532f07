import type { FileHandle } from 'node:fs/promises';
import { open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { isRecord } from '../client/parse.ts';
import type { PullTarget } from '../client/pull-into.ts';
import { type FileHash, followFile } from './hash-file.ts';
import { isRunning, thisProcess } from './owner.ts';

/**
 * A file while it is pulled, beside the one that it becomes: `.<name>.<digest>.<owner>.partial`. Behind the place of its last
 * byte it holds which pieces are whole, so that a later pull of the same blob to the same place goes on with it.
 */
export interface PartialFile {
  /** Its own name. */
  readonly file: string;
  readonly target: PullTarget;
  /** Whether an earlier pull began it. */
  readonly isResumed: boolean;
  /** Whether there is anything worth keeping. */
  holdsPieces(this: void): boolean;
  /** The bytes are right: give them their name, on disk and not only in memory. */
  keep(this: void): Promise<void>;
  /** Leaves it to a later pull. */
  leave(this: void): Promise<void>;
  /** Leaves nothing. */
  discard(this: void): Promise<void>;
}

const DIGEST_CHARACTERS = 16;
/** More than this behind the last byte is nothing of ours. */
const MAX_NOTE_BYTES = 1024 * 1024;

/** Opens the partial file of a blob that is to become `file`: one that a process left which has ended, or a new one. */
export async function openPartialFile(file: string, digest: string, resume: boolean): Promise<PartialFile> {
  const folder = path.dirname(file);
  const prefix = `.${path.basename(file)}.${digest.slice(0, DIGEST_CHARACTERS)}.`;
  const own = path.join(folder, `${prefix}${thisProcess()}.partial`);
  const isClaimed = resume && (await claim(folder, prefix, own));
  const handle = await open(own, isClaimed ? 'r+' : 'w+');
  const done = new Set<number>();
  let lengthBytes = 0;
  let pieceBytes = 1;
  let hash: FileHash | null = null;
  let noted = Promise.resolve();

  function advance(): void {
    let front = 0;
    while (done.has(front)) front += 1;
    hash?.advance(Math.min(front * pieceBytes, lengthBytes));
  }

  /** One after the other: a later note holds all that an earlier one did. */
  function note(): Promise<void> {
    noted = noted.then(() => writeNote(handle, { digest, lengthBytes, pieceBytes, done: [...done] }));
    return noted;
  }

  async function close(): Promise<void> {
    await hash?.close();
    await handle.close();
  }

  return {
    file: own,
    isResumed: isClaimed,
    target: {
      isResumed: isClaimed,
      async begin(length, piece) {
        lengthBytes = length;
        pieceBytes = piece;
        for (const index of await readNote(handle, { digest, lengthBytes, pieceBytes })) done.add(index);
        // What is noted stays noted at every moment: the new note covers the old one.
        if (done.size === 0) await handle.truncate(lengthBytes);
        await note();
        hash = followFile(handle.fd, lengthBytes);
        advance();
        return new Set(done);
      },
      write: (chunks, atBytes) => writeAll(handle, chunks, atBytes),
      async endPiece(index) {
        done.add(index);
        advance();
        await note();
      },
      digest: () => hash?.digest() ?? Promise.reject(new Error('It has not begun.')),
    },
    holdsPieces: () => done.size > 0,
    async keep() {
      try {
        await noted;
        await handle.truncate(lengthBytes);
        await handle.sync();
      } finally {
        await close();
      }
      await rename(own, file);
    },
    leave: close,
    async discard() {
      await close();
      await rm(own, { force: true });
    },
  };
}

/** Takes over what an ended process left. Renaming decides between two that try; the loser begins anew. */
async function claim(folder: string, prefix: string, own: string): Promise<boolean> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(prefix) || !name.endsWith('.partial')) continue;
    const owner = name.slice(prefix.length, -'.partial'.length);
    if (owner !== thisProcess() && isRunning(owner)) continue;
    try {
      await rename(path.join(folder, name), own);
      return true;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  return false;
}

interface Note {
  readonly digest: string;
  readonly lengthBytes: number;
  readonly pieceBytes: number;
  readonly done: readonly number[];
}

async function writeNote(handle: FileHandle, note: Note): Promise<void> {
  // Notes only grow: each covers the one before it.
  await handle.write(`${JSON.stringify(note)}\n`, note.lengthBytes);
}

/** The pieces that are whole; none where the note is missing, cut short, or of another blob. */
async function readNote(handle: FileHandle, wanted: Omit<Note, 'done'>): Promise<number[]> {
  const { size } = await handle.stat();
  const noteBytes = size - wanted.lengthBytes;
  if (noteBytes <= 0 || noteBytes > MAX_NOTE_BYTES) return [];
  const { buffer } = await handle.read(Buffer.alloc(noteBytes), 0, noteBytes, wanted.lengthBytes);
  let note: unknown;
  try {
    note = JSON.parse(buffer.toString('utf8').split('\n', 1)[0] ?? '');
  } catch {
    return [];
  }
  if (!isRecord(note) || !Array.isArray(note.done)) return [];
  const { digest, lengthBytes, pieceBytes } = note;
  const isOurs = digest === wanted.digest && lengthBytes === wanted.lengthBytes && pieceBytes === wanted.pieceBytes;
  return isOurs ? note.done.filter((index: unknown) => typeof index === 'number') : [];
}

async function writeAll(
  handle: FileHandle,
  chunks: readonly Uint8Array<ArrayBuffer>[],
  atBytes: number,
): Promise<void> {
  let at = atBytes;
  let rest = chunks;
  while (rest.length > 0) {
    const { bytesWritten } = await handle.writev([...rest], at);
    at += bytesWritten;
    rest = after(rest, bytesWritten);
  }
}

/** What is left of chunks after their first `count` bytes: a write may take less than it was given. */
function after(chunks: readonly Uint8Array<ArrayBuffer>[], count: number): Uint8Array<ArrayBuffer>[] {
  let skip = count;
  return chunks.flatMap((chunk) => {
    const rest = chunk.subarray(Math.min(skip, chunk.byteLength));
    skip -= chunk.byteLength - rest.byteLength;
    return rest.byteLength > 0 ? [rest] : [];
  });
}
