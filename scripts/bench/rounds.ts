import { spawnSync } from 'node:child_process';
import { messageOf } from '../../src/kernel/errors.ts';
import { measure, type WindowFigures, type WindowPlan, warmUp } from './window.ts';
import type { Variant, Workload } from './workload.ts';

/** A row of a workload's table: its figures by round, null for a round that failed. */
export interface Row {
  readonly label: string;
  readonly rounds: (WindowFigures | null)[];
}

export interface WorkloadResult {
  readonly workload: Workload;
  readonly rows: readonly Row[];
}

export interface Results {
  readonly workloads: readonly WorkloadResult[];
  /** What went wrong, a sentence each: a failed row is left out of later rounds, the others go on. */
  readonly failures: readonly string[];
}

const SYNC_LIMIT_MS = 60_000;
/** A server meets its first requests with nothing compiled, pooled or cached: it gets longer to warm up, once. */
const FIRST_WARM_UP_FACTOR = 4;

/**
 * Runs every row of every workload once a round, so that a slow minute of the machine meets all of them alike; every
 * other round in the opposite order, so that none always follows the same one.
 */
export async function runRounds(
  workloads: readonly Workload[],
  rounds: number,
  dataDir: string,
  progress: (line: string) => void,
): Promise<Results> {
  const failures: string[] = [];
  const results = workloads.map((workload) => ({
    workload,
    rows: workload.variants.map((variant): Row & { variant: Variant } => ({
      label: variant.label,
      variant,
      rounds: [],
    })),
  }));
  for (let round = 1; round <= rounds; round++) {
    for (const { workload, rows } of results) {
      const order = round % 2 === 1 ? rows : rows.toReversed();
      for (const row of order) {
        const failedBefore = row.rounds.includes(null);
        const outcome = failedBefore ? null : await attempt(workload, row.variant, round, dataDir);
        const where = `round ${round}/${rounds}  ${workload.name}  ${row.label}`;
        if (typeof outcome === 'string') {
          failures.push(`${workload.name}, ${row.label}, round ${round}: ${outcome}`);
          progress(`${where}  FAILED: ${outcome}`);
          row.rounds.push(null);
        } else {
          row.rounds.push(outcome);
          if (outcome !== null) progress(`${where}  ${outcome.mibPerSecond.toFixed(1)} MiB/s`);
        }
      }
    }
  }
  return { workloads: results, failures };
}

/** Returns the figures of one window, or the sentence that says why there are none. */
async function attempt(
  workload: Workload,
  variant: Variant,
  round: number,
  dataDir: string,
): Promise<WindowFigures | string> {
  const plan: WindowPlan = {
    port: variant.subject.port,
    usage: variant.subject.usage,
    lanes: workload.lanes,
    seconds: workload.seconds,
    operate: variant.operate,
  };
  try {
    if (workload.warmUpSeconds !== null) {
      const seconds = workload.warmUpSeconds * (round === 1 ? FIRST_WARM_UP_FACTOR : 1);
      await warmUp({ ...plan, seconds });
    }
    await variant.prepare?.();
    settleDisk(dataDir);
    const figures = await measure(plan);
    await variant.verify();
    return figures;
  } catch (error) {
    return messageOf(error);
  }
}

/** Writes out what the last window left in memory, so that the next doesn't pay for it. */
export function settleDisk(dataDir: string): void {
  spawnSync('sync', ['--file-system', dataDir], { timeout: SYNC_LIMIT_MS });
}
