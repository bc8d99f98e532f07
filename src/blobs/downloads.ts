import { AppError } from '../kernel/errors.ts';

const LARGEST_CHUNK_BYTES = 1024 ** 2;
const SMALLEST_CHUNK_BYTES = 16 * 1024;
/** What a new download may take of the memory that is still free: the first ones get large chunks, and some is left for the next. */
const SHARE_OF_FREE_MEMORY = 1 / 8;
/** One is being filled while the other one is on its way to the client. */
const CHUNKS_A_DOWNLOAD = 2;
/** Buffers kept for the next downloads; beyond that the memory goes back. */
const MAXIMUM_SPARE_BYTES = 16 * 1024 ** 2;
const RETRY_AFTER_SECONDS = 1;

/** A download that was let in, with the memory that it may use. */
export interface Download {
  /** A buffer to read into and send from, at most twice: what has been sent is filled anew. */
  buffer(): Buffer;
  /** Counts what is the client's now. */
  sent(bytes: number): void;
  /** To be called once, when nobody reads or writes the buffers any more: the next download gets them. */
  end(): void;
}

/** Admits downloads and shares the read-ahead memory among them: the more there are, the smaller their chunks. */
export interface Downloads {
  /** @throws AppError `service_unavailable` where as many as are allowed are in progress. */
  begin(lengthBytes: number): Download;
  /** Counts a download that the client was sent elsewhere for. */
  redirected(lengthBytes: number): void;
  readonly inProgress: number;
  /** Totals since the start of the process. */
  readonly admitted: number;
  readonly refused: number;
  readonly sentBytes: number;
  readonly redirectedBytes: number;
}

export function createDownloads(limits: { maximumDownloads: number; readAheadBytes: number }): Downloads {
  let inProgress = 0;
  let reservedBytes = 0;
  const totals = { admitted: 0, refused: 0, sentBytes: 0, redirectedBytes: 0 };
  /** Buffers that nobody uses, by size. New memory costs more than the copy into it: the kernel has to clear each page. */
  const spare = new Map<number, Buffer[]>();
  let spareBytes = 0;

  const take = (chunkBytes: number): Buffer => {
    const reused = spare.get(chunkBytes)?.pop();
    if (reused === undefined) return Buffer.allocUnsafeSlow(chunkBytes);
    spareBytes -= chunkBytes;
    return reused;
  };

  const giveBack = (buffer: Buffer): void => {
    if (spareBytes + buffer.length > MAXIMUM_SPARE_BYTES) return;
    spareBytes += buffer.length;
    const sameSize = spare.get(buffer.length);
    if (sameSize === undefined) spare.set(buffer.length, [buffer]);
    else sameSize.push(buffer);
  };

  return {
    get inProgress() {
      return inProgress;
    },
    get admitted() {
      return totals.admitted;
    },
    get refused() {
      return totals.refused;
    },
    get sentBytes() {
      return totals.sentBytes;
    },
    get redirectedBytes() {
      return totals.redirectedBytes;
    },
    redirected(lengthBytes) {
      totals.redirectedBytes += lengthBytes;
    },
    begin(lengthBytes) {
      if (inProgress >= limits.maximumDownloads) {
        totals.refused += 1;
        throw new AppError('service_unavailable', 'Too many downloads are in progress; retry as Retry-After says.', {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        });
      }
      inProgress += 1;
      totals.admitted += 1;
      const freeBytes = Math.max(0, limits.readAheadBytes - reservedBytes);
      const share = (freeBytes * SHARE_OF_FREE_MEMORY) / CHUNKS_A_DOWNLOAD;
      const chunkBytes = chunkSize(Math.min(share, LARGEST_CHUNK_BYTES), lengthBytes);
      reservedBytes += chunkBytes * CHUNKS_A_DOWNLOAD;
      let held: Buffer[] | undefined = [];
      return {
        buffer() {
          const buffer = take(chunkBytes);
          held?.push(buffer);
          return buffer;
        },
        sent(bytes) {
          totals.sentBytes += bytes;
        },
        end() {
          if (held === undefined) return;
          inProgress -= 1;
          reservedBytes -= chunkBytes * CHUNKS_A_DOWNLOAD;
          held.forEach(giveBack);
          held = undefined;
        },
      };
    },
  };
}

/** The largest power of two within the share, but no more than the whole needs: few sizes, so that buffers fit again. */
function chunkSize(shareBytes: number, lengthBytes: number): number {
  let chunkBytes = SMALLEST_CHUNK_BYTES;
  while (chunkBytes * 2 <= shareBytes && chunkBytes < lengthBytes) chunkBytes *= 2;
  return chunkBytes;
}
