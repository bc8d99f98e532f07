/** A stall this long holds no operation back that is due. */
const STALL_SECONDS = 2;
const LEAST = 8;
const MOST = 256;

/**
 * How many operations an open loop may have under way. Few enough that each caller's connection is used every other second: one
 * that rests as long as the server keeps it may be closed just as it is used again.
 */
export function openConcurrency(ratePerSecond: number): number {
  return Math.max(LEAST, Math.min(MOST, Math.ceil(ratePerSecond * STALL_SECONDS)));
}
