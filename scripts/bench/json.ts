import { ratiosOf } from './ratios.ts';
import type { Report } from './report.ts';

/** Returns a report as plain data: every round's figures, so that others can form their own medians. */
export function jsonOf({ options, machine, versions, missing, starts, results, measures }: Report): object {
  const { command, store, seconds, rounds, bigMib, trafficGib, only } = options;
  return {
    machine,
    versions,
    missing: missing.map(({ name }) => name),
    options: { command, store, seconds, rounds, bigMib, ...(store === 's3' ? { trafficGib } : {}), only },
    starts,
    workloads: results.workloads.map(({ workload, rows }) => ({
      name: workload.name,
      title: workload.title,
      rows: rows.map(({ label, rounds }) => ({ label, rounds })),
    })),
    measures,
    ratios: results.workloads.flatMap(ratiosOf),
    failures: results.failures,
  };
}
