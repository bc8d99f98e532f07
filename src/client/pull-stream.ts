import type { BlobContent, BlobsApi } from './blobs.ts';
import { startDeadline } from './deadline.ts';
import { ArtifortressError } from './errors.ts';
import { isRepeatable, retryDelayMs } from './retry.ts';
import { reasonOf } from './runtime.ts';
import type { Transport } from './transport.ts';

/** A connection that brings nothing for this long is given up and taken up again where it stopped. */
const STALL_TIMEOUT_MS = 60_000;

/** The bytes of a blob from `start` up to, and not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface SpanRequest extends Span {
  readonly repoKey: string;
  readonly digest: string;
  readonly totalBytes: number;
  /** Told of each connection that broke. */
  readonly onTrouble?: (() => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** A span over as many connections as it takes. Tries count anew after each one that brought something. */
export async function* readSpan(
  transport: Transport,
  blobs: BlobsApi,
  request: SpanRequest,
  first: BlobContent | null,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { repoKey, digest, start, end, totalBytes, signal } = request;
  let content = first;
  let at = start;
  let attempt = 0;
  for (;;) {
    const before = at;
    try {
      const last = end === totalBytes ? undefined : end - 1;
      content ??= await blobs.get(repoKey, digest, { range: { start: at, end: last }, signal });
      if (content.startBytes !== at || content.totalLengthBytes !== totalBytes) throw otherContent();
      for await (const chunk of untilStall(content.body, signal, transport.baseUrl)) {
        at += chunk.byteLength;
        if (at > end) throw otherContent();
        yield chunk;
      }
      if (at === end) return;
      throw endedEarly(at - start, end - start);
    } catch (error) {
      // A body that came whole and only failed to close is whole: the digest judges it.
      if (at === end && isRepeatable(error, 'always')) return;
      if (!isRepeatable(error, 'always')) throw error;
      request.onTrouble?.();
      attempt = at > before ? 1 : attempt + 1;
      const delayMs = retryDelayMs(attempt, error.retryAfterMs, transport.policy, transport.runtime.random);
      if (delayMs === null) throw error;
      await transport.runtime.sleep(delayMs, signal);
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

/** Fails where what came has another digest than what was asked for. */
export function assertDigest(actualDigest: string, expectedDigest: string): void {
  if (actualDigest === expectedDigest) return;
  throw new ArtifortressError({
    code: 'content_mismatch',
    message: `What came is not what was asked for: its digest is ${actualDigest}, not ${expectedDigest}.`,
    fields: { expectedDigest, actualDigest },
  });
}

function otherContent(): ArtifortressError {
  const message = 'The blob has another length than at first: what answers is not the same content.';
  return new ArtifortressError({ code: 'content_mismatch', message });
}

function endedEarly(doneBytes: number, totalBytes: number): ArtifortressError {
  const message = `The connection ended after ${doneBytes} of ${totalBytes} bytes.`;
  return new ArtifortressError({ code: 'network_error', message });
}
