import type { ByteRange } from '../objects/object-store.ts';

export type RangeReading =
  /** No `Range`, or a unit that we don't know, which RFC 9110 §14.2 has us ignore. */
  { kind: 'whole' } | { kind: 'range'; range: ByteRange } | { kind: 'malformed' } | { kind: 'unsatisfiable' };

const UNIT = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)=/;
/** RFC 9110 §14.1.1: `first-last`, `first-`, `-suffix`; the list syntax allows white space around and empty elements. */
const RANGE_SPEC = /^(?:(\d+)-(\d*)|-(\d+))$/;
/** RFC 9110 §5.6.3: spaces and tabs, and none of what else counts as white space elsewhere. */
const OUTER_SPACE = /^[ \t]+|[ \t]+$/g;

/**
 * Reads a `Range` header for a representation of `lengthBytes`: one range of bytes, clamped to the end. Several ranges count as
 * malformed: we answer no multipart/byteranges. (RFC 9110 §14.1.2, §14.2)
 */
export function readRange(header: string | undefined, lengthBytes: number): RangeReading {
  if (header === undefined) return { kind: 'whole' };
  const value = header.replace(OUTER_SPACE, '');
  const unit = UNIT.exec(value)?.[1];
  if (unit === undefined) return { kind: 'malformed' };
  if (unit.toLowerCase() !== 'bytes') return { kind: 'whole' };
  const specs = value
    .slice(unit.length + 1)
    .split(',')
    .map((spec) => spec.replace(OUTER_SPACE, ''))
    .filter((spec) => spec !== '');
  const [spec] = specs;
  if (spec === undefined || specs.length > 1) return { kind: 'malformed' };
  const [matched, first, last, suffix] = RANGE_SPEC.exec(spec) ?? [];
  if (matched === undefined) return { kind: 'malformed' };
  return first === undefined ? readSuffix(suffix ?? '', lengthBytes) : readInterval(first, last ?? '', lengthBytes);
}

function readInterval(first: string, last: string, lengthBytes: number): RangeReading {
  // Digits without end are legal: beyond 2^53 they are all "past the end".
  const start = Number(first);
  if (last !== '' && isLess(last, first)) return { kind: 'malformed' };
  if (start >= lengthBytes) return { kind: 'unsatisfiable' };
  const end = last === '' ? lengthBytes - 1 : Math.min(Number(last), lengthBytes - 1);
  return { kind: 'range', range: { start, end } };
}

function readSuffix(suffix: string, lengthBytes: number): RangeReading {
  const count = Math.min(Number(suffix), lengthBytes);
  if (count === 0) return { kind: 'unsatisfiable' };
  return { kind: 'range', range: { start: lengthBytes - count, end: lengthBytes - 1 } };
}

function isLess(left: string, right: string): boolean {
  return BigInt(left) < BigInt(right);
}
