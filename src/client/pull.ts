import type { BlobContent, BlobsApi } from './blobs.ts';
import { parseDigest } from './digest.ts';
import type { OnProgress } from './progress.ts';
import { assertDigest, readSpan } from './pull-stream.ts';
import type { Transport } from './transport.ts';

export interface PullOptions {
  readonly repoKey: string;
  readonly digest: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface PulledBlob {
  readonly repoKey: string;
  readonly digest: string;
  readonly lengthBytes: number;
  /**
   * The bytes. A broken connection is taken up where it broke. The stream ends well only if length and digest are right,
   * else it fails with `content_mismatch`: use nothing of it before its end.
   */
  readonly body: ReadableStream<Uint8Array>;
}

/** Opens a blob for reading, verified as it streams. */
export async function pull(transport: Transport, blobs: BlobsApi, options: PullOptions): Promise<PulledBlob> {
  const digest = parseDigest(options.digest);
  const first = await blobs.get(options.repoKey, digest, { signal: options.signal });
  const chunks = verified(transport, blobs, { ...options, digest }, first);
  return {
    repoKey: options.repoKey,
    digest,
    lengthBytes: first.totalLengthBytes,
    body: new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await chunks.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await chunks.return(undefined);
        },
      },
      { highWaterMark: 0 },
    ),
  };
}

async function* verified(
  transport: Transport,
  blobs: BlobsApi,
  { repoKey, digest, signal, onProgress }: PullOptions,
  first: BlobContent,
): AsyncGenerator<Uint8Array, void, undefined> {
  const totalBytes = first.totalLengthBytes;
  const hash = transport.runtime.createHash();
  let doneBytes = 0;
  const span = { repoKey, digest, start: 0, end: totalBytes, totalBytes, signal };
  for await (const chunk of readSpan(transport, blobs, span, first)) {
    doneBytes += chunk.byteLength;
    hash.update(chunk);
    onProgress?.({ phase: 'download', doneBytes, totalBytes });
    yield chunk;
  }
  assertDigest(hash.digestHex(), digest);
}
