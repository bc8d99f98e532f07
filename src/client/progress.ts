/** Where a transfer is. `verify` is the server proving the digest; its bytes are 0 where the server does not tell. */
export interface Progress {
  readonly phase: 'hash' | 'upload' | 'verify' | 'download';
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export type OnProgress = (progress: Progress) => void;
