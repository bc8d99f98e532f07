import type { OnProgress } from './progress.ts';
import type { PushInput, PushSource } from './source-types.ts';

/** `left_open` where the server could not be told: it ends such a session when its time is up. */
export type AbortOutcome = 'aborted' | 'left_open';

/** What has to be kept to take up an upload later, in another process or after a reload of the page. */
export interface ResumePoint {
  readonly uploadId: string;
  /** The parts have to be cut as they were; without it they are measured by those that the store holds. */
  readonly partSizeBytes?: number | undefined;
}

/**
 * `opened` and `resumed` at the beginning, with all that a later `resume` needs; `kept`, `aborted` or `left_open` where the
 * push ends without a commit.
 */
export interface SessionEvent {
  readonly outcome: 'opened' | 'resumed' | 'kept' | AbortOutcome;
  readonly uploadId: string;
  readonly expiresAtUtc: string | null;
  readonly digest: string;
  readonly lengthBytes: number;
  readonly partSizeBytes: number;
  /** What the store held already when this push took it up. */
  readonly heldBytes: number;
}

export interface PushOptions {
  readonly repoKey: string;
  /**
   * A Blob, anything that can be sliced, a stream, or (in Node, Bun and Deno) the path of a file. A stream is kept aside first,
   * in a temporary file or a Blob, because its digest has to be known before the first byte is sent.
   */
  readonly source: PushInput;
  /** Where the caller already knows it; else the source is read once to compute it. */
  readonly digest?: string | undefined;
  /** Within the server's bounds; its suggestion by default. */
  readonly partSizeBytes?: number | undefined;
  /** Parts in flight at once; by default as many as make it faster, from 4 up to 16. */
  readonly parallelParts?: number | undefined;
  /**
   * An upload to take up. Parts that the store holds are not sent again. Where the session has ended, or was for other content,
   * the push begins anew.
   */
  readonly resume?: ResumePoint | undefined;
  /**
   * What becomes of the session where the push fails or is aborted: `abort` frees what was sent (the default); `keep` leaves it
   * to be resumed, unless the failure is one that resuming would only repeat.
   */
  readonly onFailure?: 'abort' | 'keep' | undefined;
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
  /** True where it went on with an earlier session. */
  readonly resumed: boolean;
  /** By this push; what an earlier one had sent is not in it. */
  readonly sentBytes: number;
}

/** A push whose content is open and whose digest is known. */
export interface PreparedPush extends Omit<PushOptions, 'source' | 'digest' | 'onProgress'> {
  readonly source: PushSource | Blob;
  readonly digest: string;
  readonly onProgress: OnProgress;
}
