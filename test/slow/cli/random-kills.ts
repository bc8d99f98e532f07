import type { CliResult } from '../../cli/support.ts';
import type { CountedCall, CountingProxy } from './counting-proxy.ts';
import type { StartedCli } from './world.ts';

/** The same seed kills at the same places; `ARTIFORTRESS_KILL_SEED` replays one that a failure printed. */
export function killSeed(): number {
  const given = Number(process.env.ARTIFORTRESS_KILL_SEED);
  return Number.isInteger(given) && given > 0 ? given : 1 + Math.floor(Math.random() * 2 ** 31);
}

/** Numbers from 0 up to 1 (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface WatchedRun {
  readonly calls: readonly CountedCall[];
  readonly ended: CliResult;
  readonly isKilled: boolean;
  /** All that went through. */
  readonly weight: number;
}

/** Runs a command, and kills it once this much has gone through; what was answered only later does not count as answered. */
export async function runAndKill(proxy: CountingProxy, start: () => StartedCli, atWeight: number): Promise<WatchedRun> {
  let calls: readonly CountedCall[] | null = null;
  let weight = 0;
  let run: StartedCli | null = null;
  const watched = proxy.watch((now) => {
    weight = now;
    if (now < atWeight || calls !== null || run === null) return;
    run.child.kill('SIGKILL');
    calls = [...watched];
  });
  run = start();
  const ended = await run.result;
  const isKilled = ended.code === -1;
  return { calls: calls ?? watched, ended, isKilled, weight };
}
