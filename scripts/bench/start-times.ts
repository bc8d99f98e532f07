import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { newBootstrapToken, startArtifortress } from './artifortress-server.ts';

/** How long our server takes to begin and to end, in milliseconds, a value a round. */
export interface StartTimes {
  /** On an empty data folder: the database is made and migrated. */
  readonly firstStartMs: readonly number[];
  /** On the same data folder again. */
  readonly restartMs: readonly number[];
  /** From SIGTERM to the end of the process, idle. */
  readonly stopMs: readonly number[];
}

const FIRST_START_AIM_MS = 6_000;
const RESTART_AIM_MS = 2_000;

/** Starts our server on an empty data folder, and once more on the same, `rounds` times. */
export async function measureStarts(stack: AsyncDisposableStack, root: string, rounds: number): Promise<StartTimes> {
  const firstStartMs: number[] = [];
  const restartMs: number[] = [];
  const stopMs: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    const folder = join(root, `start-${round}`);
    const bootstrapToken = newBootstrapToken();
    const first = await startArtifortress(stack, folder, bootstrapToken);
    firstStartMs.push(first.readyMs);
    stopMs.push(await first.child.stop());
    const second = await startArtifortress(stack, folder, bootstrapToken);
    restartMs.push(second.readyMs);
    stopMs.push(await second.child.stop());
    rmSync(folder, { recursive: true, force: true });
  }
  return { firstStartMs, restartMs, stopMs };
}

/** Returns the times as rows, with what is aimed at. */
export function startRows(times: StartTimes): { name: string; valuesMs: readonly number[]; aimMs: number | null }[] {
  return [
    { name: 'first start, until ready', valuesMs: times.firstStartMs, aimMs: FIRST_START_AIM_MS },
    { name: 'restart, until ready', valuesMs: times.restartMs, aimMs: RESTART_AIM_MS },
    { name: 'SIGTERM, until ended', valuesMs: times.stopMs, aimMs: null },
  ];
}
