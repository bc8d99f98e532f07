import type { OnProgress } from './progress.ts';
import type { PushSource } from './source.ts';

/** `left_open` where the server could not be told: it ends such a session when its time is up. */
export type AbortOutcome = 'aborted' | 'left_open';

export interface SessionEvent {
  readonly outcome: 'opened' | AbortOutcome;
  readonly uploadId: string;
  readonly expiresAtUtc: string | null;
}

export interface PushOptions {
  readonly repoKey: string;
  readonly source: PushSource | Blob;
  /** Where the caller already knows it; else the source is read once to compute it. */
  readonly digest?: string | undefined;
  /** Within the server's bounds; its suggestion by default. */
  readonly partSizeBytes?: number | undefined;
  /** Parts in flight at once; 4 by default. */
  readonly parallelParts?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called when a session is open, and again where it ends without a commit. */
  readonly onSession?: ((event: SessionEvent) => void) | undefined;
}

export interface PushResult {
  readonly repoKey: string;
  readonly digest: string;
  readonly lengthBytes: number;
  readonly uploadId: string;
  /** True where the server had the content already, and no byte was sent. */
  readonly deduped: boolean;
  readonly sentBytes: number;
}
