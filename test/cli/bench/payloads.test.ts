import { expect, test } from 'vitest';
import { digestOf, UniqueObjects } from '../../../src/cli/bench/payloads.ts';

const MIB = 1024 ** 2;

function bytesOf(chunks: Iterable<Uint8Array>): Buffer {
  return Buffer.concat([...chunks]);
}

test.each([1, 31, 32, 33, 256 * 1024, MIB, 3 * MIB + 7, 40 * MIB])(
  'an object of %i bytes has that length and the digest that it says',
  (lengthBytes) => {
    const payload = new UniqueObjects(lengthBytes).take();
    expect(bytesOf(payload.body().chunks).length).toBe(lengthBytes);
    expect(digestOf(payload.body())).toBe(payload.digest);
  },
);

test('no two objects are the same', () => {
  const objects = new UniqueObjects(256 * 1024);
  expect(new Set(Array.from({ length: 1000 }, () => objects.take().digest)).size).toBe(1000);
});

test('slices of an object, also across its chunks and into its last bytes, put together are the object', () => {
  const lengthBytes = 3 * MIB + 7;
  const payload = new UniqueObjects(lengthBytes).take();
  const cuts = [0, 5, MIB, MIB + 1, 2 * MIB + 5, lengthBytes - 32, lengthBytes - 3, lengthBytes];
  const pieces = cuts.slice(1).map((end, index) => bytesOf(payload.body(cuts[index], end).chunks));
  expect(pieces.map((piece) => piece.length)).toEqual(cuts.slice(1).map((end, index) => end - (cuts[index] ?? 0)));
  expect(Buffer.concat(pieces).equals(bytesOf(payload.body().chunks))).toBe(true);
});
