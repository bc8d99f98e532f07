import { ratiosOf } from './ratios.ts';
import type { Report } from './run.ts';

/** Returns a report as plain data: every round's figures, so that others can form their own medians. */
export function jsonOf({ options, machine, versions, missing, starts, results }: Report): object {
  const { seconds, rounds, bigMib, only } = options;
  return {
    machine,
    versions,
    missing: missing.map(({ name }) => name),
    options: { seconds, rounds, bigMib, only },
    starts,
    workloads: results.workloads.map(({ workload, rows }) => ({
      name: workload.name,
      title: workload.title,
      rows: rows.map(({ label, rounds }) => ({ label, rounds })),
    })),
    ratios: results.workloads.flatMap(ratiosOf),
    failures: results.failures,
  };
}
