import { type Column, formatTable } from '../format.ts';
import type { LatencySummary } from './latencies.ts';
import type { LoadFigures } from './recorder.ts';

interface Line {
  readonly name: string;
  readonly count: number;
  readonly perSecond: string;
  readonly mibPerSecond: string;
  readonly latency: LatencySummary;
}

const milliseconds = (title: string, value: (latency: LatencySummary) => number): Column<Line> => ({
  title,
  alignRight: true,
  text: ({ latency }) => value(latency).toFixed(2),
});

const COLUMNS: readonly Column<Line>[] = [
  { title: '', text: ({ name }) => name },
  { title: 'count', alignRight: true, text: ({ count }) => String(count) },
  { title: '/s', alignRight: true, text: ({ perSecond }) => perSecond },
  { title: 'MiB/s', alignRight: true, text: ({ mibPerSecond }) => mibPerSecond },
  milliseconds('p50 ms', ({ p50Ms }) => p50Ms),
  milliseconds('p90', ({ p90Ms }) => p90Ms),
  milliseconds('p99', ({ p99Ms }) => p99Ms),
  milliseconds('p99.9', ({ p999Ms }) => p999Ms),
  milliseconds('max', ({ maximumMs }) => maximumMs),
];

/** What a window gave, for people: a line an operation, its steps below, then what failed. */
export function figuresTable({ operations, steps, errors, neverBegun }: LoadFigures): string[] {
  const lines = [
    ...operations.map(({ operation, count, perSecond, mibPerSecond, latency }) => ({
      name: operation,
      count,
      perSecond: perSecond.toFixed(1),
      mibPerSecond: mibPerSecond.toFixed(1),
      latency,
    })),
    ...steps.map(({ step, latency }) => ({
      name: `  ${step}`,
      count: latency.count,
      perSecond: '',
      mibPerSecond: '',
      latency,
    })),
  ];
  return [
    ...formatTable(COLUMNS, lines, true),
    ...Object.entries(errors).map(([code, count]) => `failed: ${count} × ${code}`),
    ...(neverBegun === 0 ? [] : [`never begun, since the server was too far behind the rate: ${neverBegun}`]),
  ];
}
