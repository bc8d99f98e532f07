import type { Subject } from './subject.ts';
import type { Lanes, Operate } from './window.ts';

/** One way to do a workload's work: a row of its table. */
export interface Variant {
  readonly label: string;
  readonly subject: Subject;
  readonly operate: Operate;
  /** Makes what the next window needs, after its warm-up and outside of the timed span. */
  prepare?(): Promise<void>;
  /** Checks a sample of what the last window did, outside of the timed span; throws if it is wrong. */
  verify(): Promise<void>;
}

/** A row to be divided by another, and the least ratio of their MiB/s that the project aims at, if any. */
export interface Comparison {
  readonly of: string;
  readonly over: string;
  readonly aim: number | null;
}

export interface Workload {
  readonly name: 'small-up' | 'small-down' | 'big-up' | 'big-down' | 'ranges';
  readonly title: string;
  readonly lanes: Lanes;
  /** Length of a timed window; 0 makes one object. */
  readonly seconds: number;
  /** Length of the warm-up before each window, longer before the first; null where preparing does it. */
  readonly warmUpSeconds: number | null;
  readonly variants: readonly Variant[];
  readonly comparisons: readonly Comparison[];
}
