import type { BlobContent, BlobsApi } from './blobs.ts';
import { startDeadline } from './deadline.ts';
import { parseDigest } from './digest.ts';
import { ArtifortressError } from './errors.ts';
import type { OnProgress } from './progress.ts';
import { isRepeatable, retryDelayMs } from './retry.ts';
import { reasonOf } from './runtime.ts';
import type { Transport } from './transport.ts';

/** A connection that brings nothing for this long is given up and taken up again where it stopped. */
const STALL_TIMEOUT_MS = 60_000;

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
  options: PullOptions,
  first: BlobContent,
): AsyncGenerator<Uint8Array, void, undefined> {
  const totalBytes = first.totalLengthBytes;
  const hash = transport.runtime.createHash();
  let doneBytes = 0;
  for await (const chunk of resumed(transport, blobs, options, first)) {
    doneBytes += chunk.byteLength;
    hash.update(chunk);
    options.onProgress?.({ phase: 'download', doneBytes, totalBytes });
    yield chunk;
  }
  const actualDigest = hash.digestHex();
  if (actualDigest === options.digest) return;
  throw new ArtifortressError({
    code: 'content_mismatch',
    message: `What came is not what was asked for: its digest is ${actualDigest}, not ${options.digest}.`,
    fields: { expectedDigest: options.digest, actualDigest },
  });
}

/** The bytes of one blob over as many connections as it takes. Tries count anew after each one that brought something. */
async function* resumed(
  transport: Transport,
  blobs: BlobsApi,
  options: PullOptions,
  first: BlobContent,
): AsyncGenerator<Uint8Array, void, undefined> {
  const totalBytes = first.totalLengthBytes;
  let content: BlobContent | null = first;
  let doneBytes = 0;
  let attempt = 0;
  for (;;) {
    const before = doneBytes;
    try {
      content ??= await blobs.get(options.repoKey, options.digest, {
        range: { start: doneBytes },
        signal: options.signal,
      });
      if (content.startBytes !== doneBytes || content.totalLengthBytes !== totalBytes) throw otherContent();
      for await (const chunk of untilStall(content.body, options.signal, transport.baseUrl)) {
        doneBytes += chunk.byteLength;
        if (doneBytes > totalBytes) throw otherContent();
        yield chunk;
      }
      if (doneBytes === totalBytes) return;
      throw endedEarly(doneBytes, totalBytes);
    } catch (error) {
      // A body that came whole and only failed to close is whole: the digest judges it.
      if (doneBytes === totalBytes && isRepeatable(error, 'always')) return;
      if (!isRepeatable(error, 'always')) throw error;
      attempt = doneBytes > before ? 1 : attempt + 1;
      const delayMs = retryDelayMs(attempt, error.retryAfterMs, transport.policy, transport.runtime.random);
      if (delayMs === null) throw error;
      await transport.runtime.sleep(delayMs, options.signal);
    }
    content = null;
  }
}

async function* untilStall(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
  from: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = body.getReader();
  const deadline = startDeadline(signal, STALL_TIMEOUT_MS);
  const stop = (): void => void reader.cancel().catch(() => undefined);
  deadline.signal.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      deadline.restart();
      const { done, value } = await reader.read();
      // A cancelled reader says "done" to a read that waits: the deadline knows better.
      if (deadline.signal.aborted) throw reasonOf(deadline.signal);
      if (done) return;
      deadline.disarm();
      yield value;
    }
  } catch (error) {
    throw deadline.explain(error, `reading from ${from}`);
  } finally {
    deadline.disarm();
    await reader.cancel().catch(() => undefined);
  }
}

function otherContent(): ArtifortressError {
  const message = 'The blob has another length than at first: what answers is not the same content.';
  return new ArtifortressError({ code: 'content_mismatch', message });
}

function endedEarly(doneBytes: number, totalBytes: number): ArtifortressError {
  const message = `The connection ended after ${doneBytes} of ${totalBytes} bytes.`;
  return new ArtifortressError({ code: 'network_error', message });
}
