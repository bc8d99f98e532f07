import type { ServerResponse } from 'node:http';
import { StoreError } from '../objects/errors.ts';
import type { ObjectReader } from '../objects/object-store.ts';
import type { Download } from './downloads.ts';

/**
 * Sends `lengthBytes` from the reader to the client, with backpressure: the next chunk is read while the last one is on its way,
 * and no further. `begin` is called before the first byte goes out, once there is one: until then a failure can still be answered.
 * Ends early, without a failure, where the client goes away.
 * @throws StoreError where the bytes can't be read; the caller then cuts the connection, since the length was promised.
 */
export async function sendBody(
  response: ServerResponse,
  reader: ObjectReader,
  lengthBytes: number,
  download: Download,
  begin: () => void,
): Promise<void> {
  const buffers: Buffer[] = [];
  let sending: Promise<void> = Promise.resolve();
  for (let left = lengthBytes, turn = 0; left > 0; turn = 1 - turn) {
    const buffer = buffers[turn] ?? download.buffer();
    buffers[turn] = buffer;
    const chunk = buffer.subarray(0, Math.min(buffer.length, left));
    const filled = await reader.read(chunk);
    if (filled < chunk.length) throw new StoreError('object_not_found', `the object ends ${left - filled} bytes early`);
    if (left === lengthBytes) begin();
    left -= filled;
    await sending;
    if (response.req.socket.destroyed) return;
    sending = write(response, chunk, left === 0);
    download.sent(filled);
  }
  await sending;
}

/** Resolves once the bytes are the kernel's, or the connection is gone: nobody reads the buffer any more, and it may be filled anew. */
function write(response: ServerResponse, chunk: Buffer, last: boolean): Promise<void> {
  // The request's socket: a response that waits for the one before it on the same connection has none yet, and never a `close`.
  const { socket } = response.req;
  return new Promise((resolve) => {
    const settle = (): void => {
      socket.off('close', settle);
      resolve();
    };
    socket.once('close', settle);
    if (last) response.end(chunk, settle);
    else response.write(chunk, settle);
  });
}
