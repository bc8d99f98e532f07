/**
 * Gives the memory of a piece of a body back at once, when nobody reads it any more; the piece is empty afterwards. Left to the
 * collector, that memory, which lies outside of the heap, makes it go through the whole heap several times a second.
 * A piece that shares its memory with others is left as it is.
 */
export function freeChunk({ buffer, byteLength }: Uint8Array): void {
  if (byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
