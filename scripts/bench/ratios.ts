import type { Row, WorkloadResult } from './rounds.ts';
import { median } from './statistics.ts';

/** A row's MiB/s divided by another's, formed in each round. */
export interface Ratio {
  readonly workload: string;
  readonly of: string;
  readonly over: string;
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
  readonly aim: number | null;
}

/** Returns the ratios of a workload that both of whose rows were measured in some round. */
export function ratiosOf({ workload, rows }: WorkloadResult): Ratio[] {
  return workload.comparisons.flatMap(({ of, over, aim }) => {
    const values = quotients(find(rows, of), find(rows, over));
    if (values.length === 0) return [];
    const least = Math.min(...values);
    const greatest = Math.max(...values);
    return [{ workload: workload.name, of, over, median: median(values), least, greatest, aim }];
  });
}

function quotients(dividend: Row | undefined, divisor: Row | undefined): number[] {
  return (dividend?.rounds ?? []).flatMap((figures, round) => {
    const other = divisor?.rounds[round] ?? null;
    return figures === null || other === null ? [] : [figures.mibPerSecond / other.mibPerSecond];
  });
}

function find(rows: readonly Row[], label: string): Row | undefined {
  return rows.find((row) => row.label === label);
}
