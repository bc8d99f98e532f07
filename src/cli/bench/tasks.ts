import type { Payload } from './payloads.ts';
import { RandomIntegers } from './random-integers.ts';

/**
 * put: an upload in one request. session: an upload by create, part, bytes, complete and commit. dedupe: the create of an upload
 * whose bytes are there. download: a whole blob. range: some bytes of one. list: a page of the repository's blobs, each caller going
 * on where its last page ended. search: the blobs whose digests begin with some characters.
 */
export const OPERATIONS = ['put', 'session', 'dedupe', 'download', 'range', 'list', 'search'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** A range of a blob: the bytes from `start` up to, not including, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** One operation on one object. */
export type Task =
  | { readonly operation: 'put' | 'session' | 'dedupe' | 'download'; readonly payload: Payload }
  | { readonly operation: 'range'; readonly payload: Payload; readonly range: ByteRange }
  | { readonly operation: 'list' }
  | { readonly operation: 'search'; readonly prefix: string };

/** Something to be chosen in proportion to its weight. */
interface Weighted<Value> {
  readonly value: Value;
  readonly weight: number;
}

export type Mix = readonly Weighted<Operation>[];
export type Sizes = readonly Weighted<number>[];

const RANGE_BYTES = 64 * 1024;
/** As many as people type. */
const PREFIX_CHARACTERS = 8;
/** So that weights may be fractions. */
const WEIGHT_STEPS = 1_000_000;

/** Whence the next task comes. */
export interface TaskSource {
  next(): Task;
}

/**
 * Tasks in the order that the seed fixes: the operations, the sizes and the stored objects that are read are the same in each run.
 * The bytes that are uploaded are new in each: else a second run would send nothing.
 */
export function seededTasks(
  plan: { readonly seed: number; readonly mix: Mix; readonly sizes: Sizes },
  fresh: (lengthBytes: number) => Payload,
  pickStored: (random: RandomIntegers) => Payload,
): TaskSource {
  const random = new RandomIntegers(plan.seed);
  return {
    next() {
      const operation = pickWeighted(random, plan.mix);
      if (operation === 'put' || operation === 'session') {
        return { operation, payload: fresh(pickWeighted(random, plan.sizes)) };
      }
      if (operation === 'list') return { operation };
      const payload = pickStored(random);
      if (operation === 'search') return { operation, prefix: payload.digest.slice(0, PREFIX_CHARACTERS) };
      if (operation !== 'range') return { operation, payload };
      const lengthBytes = Math.min(RANGE_BYTES, payload.lengthBytes);
      const start = random.below(payload.lengthBytes - lengthBytes + 1);
      return { operation, payload, range: { start, end: start + lengthBytes } };
    },
  };
}

/** Sizes for the objects that are stored beforehand, so that each size has its share, and each at least one. */
export function storedSizes(sizes: Sizes, objects: number): number[] {
  const total = sizes.reduce((sum, { weight }) => sum + weight, 0);
  return sizes.flatMap(({ value, weight }) =>
    Array.from({ length: Math.max(1, Math.round((objects * weight) / total)) }, () => value),
  );
}

function pickWeighted<Value>(random: RandomIntegers, choices: readonly Weighted<Value>[]): Value {
  const total = choices.reduce((sum, { weight }) => sum + weight, 0);
  let at = (random.below(WEIGHT_STEPS) / WEIGHT_STEPS) * total;
  for (const { value, weight } of choices) {
    if (at < weight) return value;
    at -= weight;
  }
  throw new Error('nothing to choose from: give an operation, or a size, a weight');
}
