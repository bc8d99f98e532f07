import { AppError } from '../kernel/errors.ts';

const RETRY_AFTER_SECONDS = 1;

/** Admits the uploads whose bytes pass through this process: each holds a connection, buffers and an open file or call. */
export interface StreamedUploads {
  /** Runs `upload` as one of those in progress. @throws AppError `service_unavailable` where as many as are allowed are. */
  admit<Result>(upload: () => Promise<Result>): Promise<Result>;
  readonly inProgress: number;
  /** Since the start of the process. */
  readonly refused: number;
}

export function createStreamedUploads(limits: { maximumStreamedUploads: number }): StreamedUploads {
  let inProgress = 0;
  let refused = 0;
  return {
    get inProgress() {
      return inProgress;
    },
    get refused() {
      return refused;
    },
    async admit(upload) {
      if (inProgress >= limits.maximumStreamedUploads) {
        refused += 1;
        throw new AppError('service_unavailable', 'Too many uploads are in progress; retry as Retry-After says.', {
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        });
      }
      inProgress += 1;
      try {
        return await upload();
      } finally {
        inProgress -= 1;
      }
    },
  };
}
