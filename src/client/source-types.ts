/**
 * What can be pushed: content of known size that can be read again, in pieces and at several places at once. A Blob is
 * one. Slices that are streams report progress as they go, and need a runtime whose fetch sends streams.
 */
export interface PushSource {
  /** In bytes. */
  readonly size: number;
  /** The bytes from `start` up to, and not including, `end`. */
  slice(start: number, end: number): Blob | ReadableStream<Uint8Array> | Promise<Blob | ReadableStream<Uint8Array>>;
}

/** What `push` takes: content that can be sliced, a stream that is kept aside first, or the path of a file. */
export type PushInput = PushSource | Blob | ReadableStream<Uint8Array> | string;

/** Content that somebody has to close. */
export interface OpenedSource {
  readonly source: PushSource | Blob;
  close(this: void): Promise<void>;
}
