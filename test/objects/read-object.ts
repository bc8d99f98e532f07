import type { ObjectKey } from '../../src/objects/keys.ts';
import type { ByteRange, ObjectStore } from '../../src/objects/object-store.ts';

/** A range of an object, read in pieces of this size, as one. */
export async function readObject(
  store: Pick<ObjectStore, 'open'>,
  key: ObjectKey,
  range: ByteRange,
  pieceBytes = 1024 ** 2,
): Promise<Buffer> {
  const reader = await store.open(key, range);
  try {
    const pieces: Buffer[] = [];
    for (;;) {
      const piece = Buffer.alloc(pieceBytes);
      const length = await reader.read(piece);
      if (length === 0) return Buffer.concat(pieces);
      pieces.push(piece.subarray(0, length));
    }
  } finally {
    await reader.close();
  }
}
