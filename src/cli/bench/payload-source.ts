import type { PushSource } from '../../client/source-types.ts';
import type { Payload } from './payloads.ts';

/** A payload as the client library takes it: streamed from memory, so that no disk is measured. */
export function pushSourceOf(payload: Payload): PushSource {
  return { size: payload.lengthBytes, slice: (start, end) => streamOf(payload, start, end) };
}

/** Streams the bytes of a payload from `start` up to, not including, `end`. */
export function streamOf(payload: Payload, start: number, end: number): ReadableStream<Uint8Array> {
  const chunks = payload.body(start, end).chunks[Symbol.iterator]();
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const { done, value } = chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
}
