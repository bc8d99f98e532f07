import { ArtifortressError } from './errors.ts';
import type { PushSource } from './source-types.ts';
import type { UploadBody } from './transport.ts';

function changed(expectedBytes: number): ArtifortressError {
  return new ArtifortressError({
    code: 'source_changed',
    message: `The content changed while it was read: ${expectedBytes} bytes were expected there.`,
  });
}

/** Passes bytes on while counting them, and fails where there are more or fewer than announced. */
function counted(
  stream: ReadableStream<Uint8Array>,
  expectedBytes: number,
  onBytes: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let seenBytes = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) {
          if (seenBytes < expectedBytes) throw changed(expectedBytes);
          controller.close();
          return;
        }
        seenBytes += value.byteLength;
        if (seenBytes > expectedBytes) throw changed(expectedBytes);
        onBytes(value.byteLength);
        controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}

/** One piece of a source as the body of a request; each try of the request opens it anew. */
export function openBody(
  source: PushSource | Blob,
  start: number,
  end: number,
  onBytes: (bytes: number) => void,
): UploadBody {
  const sizeBytes = end - start;
  return {
    sizeBytes,
    async open() {
      const piece = await source.slice(start, end);
      if (!(piece instanceof Blob)) return counted(piece, sizeBytes, onBytes);
      if (piece.size !== sizeBytes) throw changed(sizeBytes);
      return piece;
    },
  };
}

/** Reads a source from one end to the other. */
export async function* chunksOf(
  source: PushSource | Blob,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const content = await source.slice(0, source.size);
  const reader = counted(content instanceof Blob ? content.stream() : content, source.size, onBytes).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // After the end this does nothing; before it, the source learns that nobody reads on.
    await reader.cancel();
  }
}
