import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readRange } from '../../src/blobs/range.ts';
import { LENGTHS, nameOf, RANGE_TABLE, type RangeAnswer } from './range-table.ts';

const LONGEST_BLOB_BYTES = 5 * 1024 ** 4;

function readingOf(answer: RangeAnswer) {
  if (typeof answer === 'string') return { kind: answer };
  const [start, end] = answer;
  return { kind: 'range', range: { start, end } };
}

test.each(RANGE_TABLE.map((row) => ({ ...row, name: nameOf(row) })))(
  'Range $name means what RFC 9110 and the contract say',
  ({ header, answers }) => {
    const readings = LENGTHS.map((length) => readRange(header, length));
    expect(readings).toEqual(answers.map(readingOf));
  },
);

test('no Range means the whole blob', () => {
  expect(LENGTHS.map((length) => readRange(undefined, length).kind)).toEqual(LENGTHS.map(() => 'whole'));
});

/** A blob's length and two places in it. */
const places = fc
  .integer({ min: 1, max: LONGEST_BLOB_BYTES })
  .chain((length) =>
    fc.record({ length: fc.constant(length), a: fc.nat({ max: length - 1 }), b: fc.nat({ max: length - 1 }) }),
  )
  .map(({ length, a, b }) => ({ length, first: Math.min(a, b), last: Math.max(a, b) }));

test('first-last inside of the blob is that very range', () => {
  fc.assert(
    fc.property(places, ({ length, first, last }) => {
      const range = { start: first, end: last };
      expect(readRange(`bytes=${first}-${last}`, length)).toEqual({ kind: 'range', range });
    }),
  );
});

test('a last position past the end is the end, however far it is past', () => {
  fc.assert(
    fc.property(places, fc.bigInt({ min: 0n, max: 10n ** 40n }), ({ length, first }, beyond) => {
      const range = { start: first, end: length - 1 };
      expect(readRange(`bytes=${first}-${BigInt(length) + beyond}`, length)).toEqual({ kind: 'range', range });
    }),
  );
});

test('a suffix is that many bytes of the end', () => {
  fc.assert(
    fc.property(places, ({ length, last }) => {
      const range = { start: length - 1 - last, end: length - 1 };
      expect(readRange(`bytes=-${last + 1}`, length)).toEqual({ kind: 'range', range });
    }),
  );
});

test('a range that starts past the end is unsatisfiable, however far it is past', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: LONGEST_BLOB_BYTES }),
      fc.bigInt({ min: 0n, max: 10n ** 40n }),
      fc.bigInt({ min: 0n, max: 10n ** 40n }),
      (length, beyond, more) => {
        const first = BigInt(length) + beyond;
        expect(readRange(`bytes=${first}-${first + more}`, length)).toEqual({ kind: 'unsatisfiable' });
      },
    ),
  );
});

test('any text at all is judged, and a range never leaves the blob', () => {
  const pieces = fc.constantFrom('bytes', '=', '-', ',', ' ', '\t', '0', '1', '9', '99', 'x', 'items');
  const headers = fc.oneof(
    fc.string(),
    fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(headers, fc.nat({ max: 100 }), (header, length) => {
      const reading = readRange(header, length);
      if (reading.kind !== 'range') return;
      expect(reading.range.start).toBeGreaterThanOrEqual(0);
      expect(reading.range.start).toBeLessThanOrEqual(reading.range.end);
      expect(reading.range.end).toBeLessThan(length);
    }),
    { numRuns: 2000 },
  );
});
