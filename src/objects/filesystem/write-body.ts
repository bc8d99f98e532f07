import { createHash } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { freeChunk } from '../../kernel/free-chunk.ts';
import { type Digest, digestOf } from '../digest.ts';
import { StoreError } from '../errors.ts';
import { toStoreError } from './files.ts';

/** Bytes gathered before they are written at once. Each body in flight holds at most two of these. */
const WRITE_BATCH_BYTES = 256 * 1024;
/** Chunks as well: a body that comes byte by byte takes far more memory than its bytes. */
const WRITE_BATCH_CHUNKS = 256;

export interface IncomingFile {
  path: string;
  sha256: Digest;
  sizeBytes: number;
  /** Makes the bytes durable; the caller then renames the file. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Writes a body to a new file, hashing the bytes as they pass; its chunks are empty afterwards. Where it fails, no file is left.
 * @throws StoreError `wrong_length` where the body isn't exactly `lengthBytes` long; `upload_gone` where the folder is gone.
 */
export async function writeIncoming(path: string, body: Readable, lengthBytes: number): Promise<IncomingFile> {
  const handle = await openNew(path);
  try {
    const { sha256, sizeBytes } = await drain(body, handle, lengthBytes);
    return { path, sha256, sizeBytes, sync: () => handle.sync(), close: () => handle.close() };
  } catch (error) {
    await handle.close();
    await unlink(path).catch(() => undefined);
    throw toStoreError(error, 'upload_gone', 'the upload');
  }
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o640);
  } catch (error) {
    throw toStoreError(error, 'upload_gone', 'the upload');
  }
}

async function drain(body: Readable, handle: FileHandle, lengthBytes: number) {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  let batch: Buffer[] = [];
  let batchBytes = 0;
  // One batch is being written while the next one gathers.
  let writing: Promise<unknown> = Promise.resolve();
  try {
    // Not destroyed where the disk fails in the middle: a request's body is its connection, which the answer still has to use.
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      sizeBytes += chunk.length;
      if (sizeBytes > lengthBytes) throw wrongLength(lengthBytes, 'more');
      hash.update(chunk);
      batch.push(chunk);
      batchBytes += chunk.length;
      if (batchBytes < WRITE_BATCH_BYTES && batch.length < WRITE_BATCH_CHUNKS) continue;
      await writing;
      writing = writeAll(handle, batch);
      // Its failure is seen at the next `await writing`; until then it must not count as unhandled.
      writing.catch(() => undefined);
      batch = [];
      batchBytes = 0;
    }
  } finally {
    await writing;
  }
  await writeAll(handle, batch);
  if (sizeBytes < lengthBytes) throw wrongLength(lengthBytes, `only ${sizeBytes}`);
  return { sha256: digestOf(hash), sizeBytes };
}

/** Writes the chunks and gives them back. `writev` may write less than it was given. */
async function writeAll(handle: FileHandle, buffers: Buffer[]): Promise<void> {
  let pending = buffers;
  while (pending.length > 0) {
    let { bytesWritten } = await handle.writev(pending);
    pending = pending.flatMap((buffer) => {
      const skipped = Math.min(bytesWritten, buffer.length);
      bytesWritten -= skipped;
      return skipped === buffer.length ? [] : [buffer.subarray(skipped)];
    });
  }
  buffers.forEach(freeChunk);
}

function wrongLength(lengthBytes: number, actual: string): StoreError {
  return new StoreError('wrong_length', `the body was declared to have ${lengthBytes} bytes and has ${actual}`);
}
