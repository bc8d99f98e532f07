import { createAdaptiveWidth, DEFAULT_WIDTH, fixedWidth } from './adaptive-width.ts';
import type { BlobContent, BlobsApi } from './blobs.ts';
import { parseDigest } from './digest.ts';
import { ArtifortressError } from './errors.ts';
import { mapInParallel } from './parallel.ts';
import type { PullOptions } from './pull.ts';
import { assertDigest, readSpan, type Span } from './pull-stream.ts';
import type { Transport } from './transport.ts';

/** Large enough that a request for each costs nothing, small enough that what a broken connection loses is little. */
const PIECE_BYTES = 8 * 1024 * 1024;
/** Written at once: smaller writes cost more than they wait for. */
const WRITE_BYTES = 1024 * 1024;

/** Where a blob is pulled into, at several places at once: a file, or what a browser has of them. */
export interface PullTarget {
  /** Whether an earlier pull may have left pieces: then none is fetched before `begin` has told which. */
  readonly isResumed?: boolean | undefined;
  /**
   * Called once, when the length is known.
   * @returns the indexes of the pieces of `pieceBytes` that are here already, from an earlier pull; the digest judges them too.
   */
  begin(this: void, lengthBytes: number, pieceBytes: number): Promise<ReadonlySet<number>>;
  /** Chunks one after the other from `atBytes` on; they are not changed before it resolves. */
  write(this: void, chunks: readonly Uint8Array<ArrayBuffer>[], atBytes: number): Promise<void>;
  /** A piece is written whole. */
  endPiece(this: void, index: number): Promise<void>;
  /** The SHA-256 of all that it holds, in hex; called once, after the last piece. */
  digest(this: void): Promise<string>;
}

export interface PullIntoOptions extends PullOptions {
  readonly target: PullTarget;
  /** Ranges in flight at once; by default as many as make it faster, from 4 up to 16. */
  readonly parallelRanges?: number | undefined;
}

export interface PulledInto {
  readonly repoKey: string;
  readonly digest: string;
  readonly lengthBytes: number;
  /** What an earlier pull had brought. */
  readonly heldBytes: number;
}

interface Piece extends Span {
  readonly index: number;
}

/** Fetches a blob by ranges in parallel. Resolves once the target's digest is the blob's, and fails with `content_mismatch` otherwise. */
export async function pullInto(transport: Transport, blobs: BlobsApi, options: PullIntoOptions): Promise<PulledInto> {
  const { repoKey, target, signal, onProgress, parallelRanges } = options;
  const digest = parseDigest(options.digest);
  // The first piece asked for tells the length too. One byte does where that piece may be here already.
  const opened = await openFirst(blobs, { repoKey, digest, signal, bytes: target.isResumed ? 1 : PIECE_BYTES });
  const totalBytes = opened?.totalLengthBytes ?? 0;
  const { held, missing, heldBytes } = await planPieces(target, totalBytes, opened);
  const isOfUse = target.isResumed !== true && !held.has(0);
  if (!isOfUse) await opened?.body.cancel();
  const first = isOfUse ? opened : null;

  let doneBytes = heldBytes;
  const width =
    parallelRanges === undefined
      ? createAdaptiveWidth(DEFAULT_WIDTH, transport.runtime.now)
      : fixedWidth(parallelRanges);
  await mapInParallel(missing, width.current, signal, async (piece, pieceSignal) => {
    const request = { repoKey, digest, ...piece, totalBytes, onTrouble: width.struggled, signal: pieceSignal };
    const chunks = readSpan(transport, blobs, request, piece.index === 0 ? first : null);
    await writePiece(target, piece, chunks, (bytes) => {
      doneBytes += bytes;
      onProgress?.({ phase: 'download', doneBytes, totalBytes });
    });
    await target.endPiece(piece.index);
    width.succeeded(piece.end - piece.start);
  });
  assertDigest(await target.digest(), digest);
  return { repoKey, digest, lengthBytes: totalBytes, heldBytes };
}

interface OpenRequest {
  readonly repoKey: string;
  readonly digest: string;
  readonly signal: AbortSignal | undefined;
  readonly bytes: number;
}

/** Null for an empty blob, of which no range can be had (RFC 9110 §15.5.17). */
async function openFirst(
  blobs: BlobsApi,
  { repoKey, digest, signal, bytes }: OpenRequest,
): Promise<BlobContent | null> {
  try {
    return await blobs.get(repoKey, digest, { range: { start: 0, end: bytes - 1 }, signal });
  } catch (error) {
    if (error instanceof ArtifortressError && error.code === 'invalid_range') return null;
    throw error;
  }
}

async function planPieces(target: PullTarget, totalBytes: number, first: BlobContent | null) {
  const pieces = Array.from({ length: Math.ceil(totalBytes / PIECE_BYTES) }, (_, index): Piece => {
    const start = index * PIECE_BYTES;
    return { index, start, end: Math.min(start + PIECE_BYTES, totalBytes) };
  });
  try {
    const held = await target.begin(totalBytes, PIECE_BYTES);
    const missing = pieces.filter((piece) => !held.has(piece.index));
    const missingBytes = missing.reduce((sum, piece) => sum + piece.end - piece.start, 0);
    return { held, missing, heldBytes: totalBytes - missingBytes };
  } catch (error) {
    await first?.body.cancel();
    throw error;
  }
}

/** Writes one block while the next one comes in; of each range no more than two are in memory. */
async function writePiece(
  target: PullTarget,
  piece: Piece,
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): Promise<void> {
  let block: Uint8Array<ArrayBuffer>[] = [];
  let blockBytes = 0;
  let at = piece.start;
  let writing = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = target.write(block, at);
    // Whoever awaits it is told of its failure; until then it must not count as one that nobody handles.
    writing.catch(() => undefined);
    at += blockBytes;
    block = [];
    blockBytes = 0;
  };
  for await (const chunk of chunks) {
    block.push(ownBytes(chunk));
    blockBytes += chunk.byteLength;
    onBytes(chunk.byteLength);
    if (blockBytes >= WRITE_BYTES) await flush();
  }
  if (blockBytes > 0) await flush();
  await writing;
}

/** What fetch hands out lies in memory of its own; bytes in shared memory, which file systems do not take, would be copied. */
function ownBytes(chunk: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = chunk;
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(chunk);
}
