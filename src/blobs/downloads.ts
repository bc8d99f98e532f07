import { AppError } from '../kernel/errors.ts';

const LARGEST_CHUNK_BYTES = 1024 ** 2;
const SMALLEST_CHUNK_BYTES = 16 * 1024;
/** Bytes that one download may hold at the same time: the chunk being read, the one in the stream, the one in the socket. */
const CHUNKS_HELD = 3;
const RETRY_AFTER_SECONDS = 1;

/** Admits downloads and shares the read-ahead memory among them: the more there are, the smaller their chunks. */
export interface Downloads {
  /**
   * @returns how many bytes this download may read at a time; `end` must be called once, when it is over.
   * @throws AppError `service_unavailable` where as many as are allowed are in progress.
   */
  begin(): { chunkBytes: number; end: () => void };
  readonly inProgress: number;
}

export function createDownloads(limits: { maximumDownloads: number; readAheadBytes: number }): Downloads {
  let inProgress = 0;
  return {
    get inProgress() {
      return inProgress;
    },
    begin() {
      if (inProgress >= limits.maximumDownloads) {
        throw new AppError('service_unavailable', 'Too many downloads are in progress; retry as Retry-After says.', {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        });
      }
      inProgress += 1;
      const share = Math.floor(limits.readAheadBytes / inProgress / CHUNKS_HELD);
      const chunkBytes = Math.max(SMALLEST_CHUNK_BYTES, Math.min(LARGEST_CHUNK_BYTES, share));
      let ended = false;
      return {
        chunkBytes,
        end() {
          if (ended) return;
          ended = true;
          inProgress -= 1;
        },
      };
    },
  };
}
