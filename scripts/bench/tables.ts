import { type MeasureGroup, meets } from './measures.ts';
import { ratiosOf } from './ratios.ts';
import type { Report } from './report.ts';
import type { Row, WorkloadResult } from './rounds.ts';
import { startRows } from './start-times.ts';
import { median } from './statistics.ts';
import { MIB_BYTES } from './units.ts';
import type { WindowFigures } from './window.ts';

/** A table of texts; the first column is a name, the others are aligned to the right. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

type Figure = Exclude<keyof WindowFigures, 'steps'>;

const NOTHING = '–';

const FIGURE_COLUMNS: readonly { readonly name: string; readonly figure: Figure; readonly unit?: number }[] = [
  { name: 'MiB/s', figure: 'mibPerSecond' },
  { name: 'obj/s', figure: 'objectsPerSecond' },
  { name: 'req/s', figure: 'requestsPerSecond' },
  { name: 'obj p50', figure: 'objectP50Ms' },
  { name: 'p99', figure: 'objectP99Ms' },
  { name: 'req p50', figure: 'requestP50Ms' },
  { name: 'p99', figure: 'requestP99Ms' },
  { name: 'CPU s/GiB', figure: 'serverCpuSecondsPerGib' },
  { name: 'by PG', figure: 'postgresqlCpuSecondsPerGib' },
  { name: 'client', figure: 'clientCpuSecondsPerGib' },
  { name: 'RSS MiB', figure: 'serverPeakBytes', unit: MIB_BYTES },
  { name: 'PG MiB', figure: 'postgresqlPeakBytes', unit: MIB_BYTES },
];

/** Returns the tables of a report: start times, one a workload, the steps of ours, what stands by itself, and the ratios beside the aims. */
export function tablesOf({ starts, results, measures }: Report): Table[] {
  const tables = results.workloads.map(figuresTable);
  const steps = stepsTable(results.workloads);
  if (steps.rows.length > 0) tables.push(steps);
  tables.push(...measures.map(measuresTable));
  const ratios = ratiosTable(results.workloads);
  if (ratios.rows.length > 0) tables.push(ratios);
  if (starts === null) return tables;
  const rows = startRows(starts).map(({ name, valuesMs, aimMs }) => {
    const aim = aimMs === null ? NOTHING : `≤ ${significant(aimMs)}`;
    const verdict = aimMs === null ? NOTHING : median(valuesMs) <= aimMs ? 'met' : 'MISSED';
    return [name, significant(median(valuesMs)), significant(Math.max(...valuesMs)), aim, verdict];
  });
  return [{ title: 'Start and stop', columns: ['', 'median ms', 'longest', 'aim', ''], rows }, ...tables];
}

function figuresTable({ workload, rows }: WorkloadResult): Table {
  return {
    title: `${workload.name}: ${workload.title}`,
    columns: ['', ...FIGURE_COLUMNS.map(({ name }) => name)],
    rows: rows.map((row) => [
      row.label,
      ...FIGURE_COLUMNS.map(({ figure, unit = 1 }) => {
        const values = measured(row).map((figures) => figures[figure] / unit);
        return values.length === 0 ? 'failed' : significant(median(values));
      }),
    ]),
  };
}

function stepsTable(workloads: readonly WorkloadResult[]): Table {
  const rows = workloads.flatMap(({ workload, rows }) =>
    rows.flatMap((row) => {
      const rounds = measured(row);
      const names = rounds[0]?.steps.map(({ step }) => step) ?? [];
      if (names.length < 2) return [];
      return names.map((name) => {
        const steps = rounds.flatMap((figures) => figures.steps.filter(({ step }) => step === name));
        const p50 = median(steps.map(({ p50Ms }) => p50Ms));
        const p99 = median(steps.map(({ p99Ms }) => p99Ms));
        return [`${workload.name}, ${row.label}: ${name}`, significant(p50), significant(p99)];
      });
    }),
  );
  return { title: 'Steps of the uploads that take several requests', columns: ['', 'p50 ms', 'p99 ms'], rows };
}

function ratiosTable(workloads: readonly WorkloadResult[]): Table {
  const rows = workloads.flatMap(ratiosOf).map(({ workload, of, over, median, least, greatest, aim }) => {
    const shown = median.toFixed(2);
    return [
      `${workload}: ${of} over ${over}`,
      `${shown}×`,
      `${least.toFixed(2)}–${greatest.toFixed(2)}`,
      aim === null ? NOTHING : `≥ ${withTenths(aim)}×`,
      // Judged as shown: 1.00 isn't less than 1.
      aim === null ? NOTHING : Number(shown) >= aim ? 'met' : 'MISSED',
    ];
  });
  return { title: 'Ratios of MiB/s, formed in each round', columns: ['', 'median', 'rounds', 'aim', ''], rows };
}

function measuresTable({ title, measures }: MeasureGroup): Table {
  const rows = measures
    .filter(({ values }) => values.length > 0)
    .map(({ name, unit, values, aim }) => {
      const format = (value: number) => (unit === '×' ? value.toFixed(2) : significant(value));
      const rounds = `${format(Math.min(...values))}–${format(Math.max(...values))}`;
      const shown = format(median(values));
      return [
        name,
        shown,
        unit,
        values.length === 1 ? NOTHING : rounds,
        aim === null ? NOTHING : 'least' in aim ? `≥ ${aim.least}` : `≤ ${aim.most}`,
        aim === null ? NOTHING : meets(Number(shown), aim) ? 'met' : 'MISSED',
      ];
    });
  return { title, columns: ['', 'median', 'unit', 'rounds', 'aim', ''], rows };
}

function measured(row: Row): WindowFigures[] {
  return row.rounds.filter((figures) => figures !== null);
}

/** 1 as 1.0, and 0.95 as it is. */
function withTenths(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** Three significant digits are more than a benchmark on a shared machine can promise. */
function significant(value: number): string {
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(digits);
}
