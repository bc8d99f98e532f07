import type { TopLevelSpec } from 'vega-lite';
import { median } from '../../bench/statistics.ts';
import { MIB_BYTES } from '../../bench/units.ts';
import type { GrowthResult, SlowResult, SoakResult, ThroughputResult } from '../results.ts';
import { p99sOf } from '../targets-met.ts';

const WIDTH = 560;
const HEIGHT = 260;
const BASE = {
  $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
  background: 'white',
  width: WIDTH,
  height: HEIGHT,
} as const;
const SECONDS_A_MINUTE = 60;
/** Room for the labels of every y axis alike, so that the charts of a column stand one below the other. */
const Y_LABEL_PIXELS = 52;

/** Below the chart, and its names in full. */
const LONG_LEGEND = { orient: 'bottom', columns: 2, labelLimit: 0 } as const;

/** Operations a second against how many are under way, of each server, operation by operation. */
export function throughputChart({ points, store }: ThroughputResult): TopLevelSpec {
  const values = points
    .filter(({ ratePerSecond, load }) => ratePerSecond === null && load !== 'mix')
    .map(({ subject, load, concurrency, figures }) => ({
      server: subject,
      load,
      concurrency,
      perSecond: figures.operations.reduce((sum, one) => sum + one.perSecond, 0),
    }));
  return {
    $schema: BASE.$schema,
    background: BASE.background,
    title: `Operations a second against operations in flight (${store})`,
    data: { values },
    facet: { field: 'load', type: 'nominal', title: null, sort: ['session', 'put', 'dedupe', 'download', 'range'] },
    columns: 2,
    spec: {
      width: WIDTH / 2,
      height: HEIGHT / 1.5,
      mark: { type: 'line', point: true },
      encoding: {
        x: { field: 'concurrency', type: 'quantitative', scale: { type: 'log', base: 2 }, title: 'in flight' },
        y: {
          field: 'perSecond',
          type: 'quantitative',
          scale: { type: 'log' },
          title: 'a second',
          axis: { minExtent: Y_LABEL_PIXELS, maxExtent: Y_LABEL_PIXELS },
        },
        color: { field: 'server', type: 'nominal', title: null, legend: { orient: 'bottom', labelLimit: 0 } },
      },
    },
    // An axis at each: there are not as many as fill the columns.
    resolve: { scale: { y: 'independent' }, axis: { x: 'independent' } },
  };
}

/** Latency against percentile, the last ones spread out, of the open loops. */
export function latencyChart({ points, store }: ThroughputResult): TopLevelSpec {
  const open = points.filter(({ ratePerSecond }) => ratePerSecond !== null);
  const values = open.flatMap(({ ratePerSecond, figures }) =>
    figures.operations.flatMap(({ operation, latency }) =>
      latency.curve
        .filter(([percentile]) => percentile < 100)
        .map(([percentile, ms]) => ({ operation, rate: `${ratePerSecond}/s`, nines: 1 / (1 - percentile / 100), ms })),
    ),
  );
  return {
    ...BASE,
    title: `Latency of a mix in an open loop, from the moment each operation was due (${store})`,
    data: { values },
    mark: { type: 'line', interpolate: 'step-after' },
    encoding: {
      x: {
        field: 'nines',
        type: 'quantitative',
        scale: { type: 'log' },
        title: 'percentile',
        axis: {
          values: [1, 2, 10, 100, 1000, 10_000],
          labelExpr: "datum.value == 1 ? '0' : datum.value == 2 ? '50' : format(100 - 100 / datum.value, '.4~g')",
        },
      },
      y: { field: 'ms', type: 'quantitative', scale: { type: 'log' }, title: 'ms' },
      color: { field: 'operation', type: 'nominal', title: null },
      strokeDash: { field: 'rate', type: 'nominal', title: 'rate' },
    },
  };
}

/** Memory of the server process and of PostgreSQL's through a run. */
export function memoryChart({ samples, kind }: SoakResult | SlowResult): TopLevelSpec {
  const values = samples.flatMap(({ atSeconds, rssBytes, postgresqlPssBytes, heapUsedBytes }) => {
    const minutes = atSeconds / SECONDS_A_MINUTE;
    const series = { 'server process': rssBytes, 'its JavaScript heap': heapUsedBytes, PostgreSQL: postgresqlPssBytes };
    return Object.entries(series).flatMap(([what, bytes]) =>
      bytes === null ? [] : [{ minutes, what, mib: bytes / MIB_BYTES }],
    );
  });
  const lastMinute = (samples.at(-1)?.atSeconds ?? 0) / SECONDS_A_MINUTE;
  return {
    ...BASE,
    title: kind === 'soak' ? 'Memory through the soak' : 'Memory while slow clients are held',
    data: { values },
    mark: 'line',
    encoding: {
      x: {
        field: 'minutes',
        type: 'quantitative',
        title: 'minutes',
        scale: { domain: [0, lastMinute], nice: false },
      },
      y: { field: 'mib', type: 'quantitative', title: 'MiB, resident' },
      color: { field: 'what', type: 'nominal', title: null, sort: null, legend: LONG_LEGEND },
    },
  };
}

/** The p99 of each step against the number of blobs: the median of the rounds. */
export function growthChart(result: GrowthResult): TopLevelSpec {
  const values = result.databases.flatMap(({ rows }) =>
    ['create', 'commit', 'download', 'list', 'search', 'dedupe'].map((step) => ({
      rows,
      step,
      ms: median(p99sOf(result, rows, step).filter((value) => !Number.isNaN(value))),
    })),
  );
  return {
    ...BASE,
    title: 'p99 against the number of blobs',
    data: { values },
    mark: { type: 'line', point: true },
    encoding: {
      x: {
        field: 'rows',
        type: 'quantitative',
        scale: { type: 'log', nice: false },
        title: 'blobs in the database',
        axis: { values: result.databases.map(({ rows }) => rows), format: ',', labelOverlap: false },
      },
      y: { field: 'ms', type: 'quantitative', title: 'p99, ms' },
      color: { field: 'step', type: 'nominal', title: null },
    },
  };
}
