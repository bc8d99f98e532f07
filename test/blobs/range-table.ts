import { MANY_PARTS_BYTES } from './support.ts';

/** What a blob answers: 200 with the whole of it, 206 with `[first, last]`, or a refusal. */
export type RangeAnswer = 'whole' | readonly [first: number, last: number] | 'malformed' | 'unsatisfiable';

export interface RangeCase {
  header: string;
  /** For blobs of no byte, of one, of ten, and of `MANY_PARTS_BYTES`. */
  answers: readonly [RangeAnswer, RangeAnswer, RangeAnswer, RangeAnswer];
}

/** The lengths of the blobs that every header is tried on, in the order of the answers. */
export const LENGTHS = [0, 1, 10, MANY_PARTS_BYTES] as const;

const LAST = MANY_PARTS_BYTES - 1;
const PAST: RangeAnswer = 'unsatisfiable';
const MANY_DIGITS = '9'.repeat(400);

function range(header: string, one: RangeAnswer, ten: RangeAnswer, many: RangeAnswer): RangeCase {
  // Any range of an empty blob is one that it can't satisfy.
  return { header, answers: ['unsatisfiable', one, ten, many] };
}

function everywhere(answer: RangeAnswer, headers: readonly string[]): RangeCase[] {
  return headers.map((header) => ({ header, answers: [answer, answer, answer, answer] }));
}

/** RFC 9110 §14.1.2: `int-range = first-pos "-" [ last-pos ]`. */
const INTERVALS = [
  range('bytes=0-0', [0, 0], [0, 0], [0, 0]),
  range('bytes=0-4', [0, 0], [0, 4], [0, 4]),
  range('bytes=0-9', [0, 0], [0, 9], [0, 9]),
  range('bytes=0-10', [0, 0], [0, 9], [0, 10]),
  range('bytes=1-1', PAST, [1, 1], [1, 1]),
  range('bytes=3-7', PAST, [3, 7], [3, 7]),
  range('bytes=9-9', PAST, [9, 9], [9, 9]),
  range('bytes=9-10', PAST, [9, 9], [9, 10]),
  range('bytes=10-20', PAST, PAST, [10, 20]),
  range('bytes=0-', [0, 0], [0, 9], [0, LAST]),
  range('bytes=1-', PAST, [1, 9], [1, LAST]),
  range('bytes=9-', PAST, [9, 9], [9, LAST]),
  range('bytes=10-', PAST, PAST, [10, LAST]),
  // The examples of RFC 9110 §14.1.2.
  range('bytes=0-499', [0, 0], [0, 9], [0, 499]),
  range('bytes=500-999', PAST, PAST, [500, 999]),
  range('bytes=9500-', PAST, PAST, [9500, LAST]),
  // Across the border of two parts, exactly one part, the last part, the last byte, one byte further.
  range('bytes=5242879-5242880', PAST, PAST, [5_242_879, 5_242_880]),
  range('bytes=5242880-10485759', PAST, PAST, [5_242_880, 10_485_759]),
  range('bytes=10485760-', PAST, PAST, [10_485_760, LAST]),
  range('bytes=4-10486758', PAST, [4, 9], [4, LAST - 1]),
  range(`bytes=${LAST}-`, PAST, PAST, [LAST, LAST]),
  range(`bytes=${LAST}-${LAST + 1}`, PAST, PAST, [LAST, LAST]),
  range(`bytes=${LAST + 1}-`, PAST, PAST, PAST),
  range('bytes=0-999999999999', [0, 0], [0, 9], [0, LAST]),
];

/** RFC 9110 §14.1.2: `suffix-range = "-" suffix-length`; a suffix longer than the blob is all of it. */
const SUFFIXES = [
  range('bytes=-1', [0, 0], [9, 9], [LAST, LAST]),
  range('bytes=-2', [0, 0], [8, 9], [LAST - 1, LAST]),
  range('bytes=-9', [0, 0], [1, 9], [LAST - 8, LAST]),
  range('bytes=-10', [0, 0], [0, 9], [LAST - 9, LAST]),
  range('bytes=-11', [0, 0], [0, 9], [LAST - 10, LAST]),
  range('bytes=-500', [0, 0], [0, 9], [LAST - 499, LAST]),
  range('bytes=-1001', [0, 0], [0, 9], [10_485_759, LAST]),
  range(`bytes=-${LAST + 1}`, [0, 0], [0, 9], [0, LAST]),
  range(`bytes=-${LAST + 2}`, [0, 0], [0, 9], [0, LAST]),
  range('bytes=-0', PAST, PAST, PAST),
  range('bytes=-000', PAST, PAST, PAST),
  range('bytes=-0001', [0, 0], [9, 9], [LAST, LAST]),
];

/** RFC 9110 §14.1.2: `first-pos = 1*DIGIT`, of which there is no longest; a wrapped or rounded number names other bytes. */
const OVERLONG = [
  range('bytes=00000000000000000000-0000000000000000000004', [0, 0], [0, 4], [0, 4]),
  range('bytes=4294967296-4294967297', PAST, PAST, PAST),
  range('bytes=9007199254740992-9007199254740993', PAST, PAST, PAST),
  range('bytes=9007199254740993-', PAST, PAST, PAST),
  range('bytes=0-9007199254740993', [0, 0], [0, 9], [0, LAST]),
  range('bytes=18446744073709551616-', PAST, PAST, PAST),
  range('bytes=0-18446744073709551616', [0, 0], [0, 9], [0, LAST]),
  range('bytes=-18446744073709551616', [0, 0], [0, 9], [0, LAST]),
  range(`bytes=${MANY_DIGITS}-`, PAST, PAST, PAST),
  range(`bytes=${MANY_DIGITS}-${MANY_DIGITS}`, PAST, PAST, PAST),
  range(`bytes=0-${MANY_DIGITS}`, [0, 0], [0, 9], [0, LAST]),
  range(`bytes=-${MANY_DIGITS}`, [0, 0], [0, 9], [0, LAST]),
];

/** RFC 9110 §14.1: range units are compared without case. */
const ONE_TO_FOUR = [
  'BYTES=1-4',
  'Bytes=1-4',
  // White space around a field's value is no part of it (RFC 9110 §5.5).
  ' bytes=1-4',
  'bytes=1-4 ',
  '\tbytes=1-4 \t ',
  // The RFC's own examples put a space behind the "=".
  'bytes= 1-4',
  'bytes=\t1-4',
  // RFC 9110 §5.6.1.2: a recipient must take empty elements of a list.
  'bytes=,1-4',
  'bytes=1-4,',
  'bytes=, ,1-4,,',
  'bytes= , 1-4\t,\t',
].map((header) => range(header, PAST, [1, 4], [1, 4]));

/** RFC 9110 §14.2: a range unit that is not understood is ignored. */
const OTHER_UNITS = everywhere('whole', [
  'items=0-4',
  'seconds=1-2',
  'none=0-4',
  'byte=0-4',
  'bytesx=0-4',
  'x-bytes=0-4',
  'items=4-0',
  'items=whatever it means',
  'items=0-1,3-4',
  "!#$%&'*+-.^_`|~0=1",
]);

/** RFC 9110 §14.1.1: `ranges-specifier = range-unit "=" range-set`, `range-set = 1#range-spec`. */
const MALFORMED = everywhere('malformed', [
  '',
  'bytes',
  'bytes 0-4',
  'bytes:0-4',
  '=0-4',
  '0-4',
  '-4',
  'garbage',
  'by tes=0-4',
  'bytes =0-4',
  'bytes==0-4',
  'bytes=',
  'bytes=,',
  'bytes= , ,',
  'bytes=-',
  'bytes=--4',
  'bytes=-1-4',
  'bytes=-4-',
  'bytes=0--4',
  'bytes=0-4-5',
  'bytes=4',
  'bytes=abc',
  'bytes=a-b',
  'bytes=0-b',
  'bytes=-b',
  'bytes=0x0-0x4',
  'bytes=1e0-4',
  'bytes=1.5-4',
  'bytes=+0-4',
  'bytes=0-+4',
  'bytes=0 -4',
  'bytes=0- 4',
  'bytes=- 4',
  'bytes=0 - 4',
  'bytes=%30-4',
  'bytes=0-4;q=1',
  'bytes=0-4/10',
  'bytes=*',
  'bytes=*/10',
  'bytes="0-4"',
  'bytes=0-4bytes=5-6',
  // A no-break space is white space to a careless reader only.
  'bytes=0-4\u00A0',
  '\u00A0bytes=0-4',
  // RFC 9110 §14.1.2: an int-range whose last-pos is less than its first-pos is invalid, wherever it lies.
  'bytes=1-0',
  'bytes=9-3',
  'bytes=20-10',
  'bytes=9007199254740993-9007199254740992',
]);

/** Contract: several ranges are a 400, for this server answers no multipart/byteranges. */
const SEVERAL = everywhere('malformed', [
  'bytes=0-1,3-4',
  'bytes=0-1, 3-4',
  'bytes=0-0,-1',
  'bytes=0-4,0-4',
  'bytes=0-,0-',
  'bytes=500-600,601-999',
  'bytes=500-700,601-999',
  'bytes= 0-999, 4500-5499, -1000',
  'bytes=0-4,abc',
  'bytes=0-4, bytes=5-6',
  `bytes=${Array.from({ length: 500 }, (_, index) => `${index}-`).join(',')}`,
]);

export const RANGE_TABLE: readonly RangeCase[] = [
  ...INTERVALS,
  ...SUFFIXES,
  ...OVERLONG,
  ...ONE_TO_FOUR,
  ...OTHER_UNITS,
  ...MALFORMED,
  ...SEVERAL,
];

/** A header as the name of a test: in full, unless it is endless, and with its white space to be seen. */
export function nameOf({ header }: RangeCase): string {
  return JSON.stringify(header.length <= 60 ? header : `${header.slice(0, 60)}… (${header.length})`);
}
