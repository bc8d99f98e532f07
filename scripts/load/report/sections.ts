import type { LatencySummary } from '../../../src/cli/bench/latencies.ts';
import { markdownTable } from '../../bench/print.ts';
import { median } from '../../bench/statistics.ts';
import { GIB_BYTES, MIB_BYTES } from '../../bench/units.ts';
import type { GrowthResult, Head, Point, SlowResult, SoakResult, ThroughputResult } from '../results.ts';
import { shortStatement } from '../statement-text.ts';
import { grouped, p99sOf, SOAK_SERIES, soakTrend, type Verdict } from '../targets-met.ts';

const NOTHING = '–';

/** The targets beside what was measured. */
export function verdictTable(verdicts: readonly Verdict[]): string[] {
  const rows = verdicts.map(({ target, aim, measured, met }) => [target, aim, measured, met ? 'met' : '**MISSED**']);
  return markdownTable({ title: 'Targets', columns: ['target', 'aim', 'measured', 'verdict'], rows }, '##');
}

/** Where, on what, and by which command a result was made. */
function headLines({ machine, versions, missing, command, quick }: Head): string[] {
  const { cpu, cores, memoryGib, kernel, fileSystem, node, postgresql, commit, startedAtUtc } = machine;
  const others = Object.entries(versions).map(([name, version]) => `; ${name}: ${version}`);
  return [
    `- \`${command}\`, ${startedAtUtc}, commit ${commit}`,
    `- ${cpu}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel}, ${fileSystem}; Node ${node}, PostgreSQL ${postgresql}${others.join('')}`,
    ...(quick ? ['- **a quick run: its figures mean nothing**'] : []),
    ...missing.map((name) => `- **not compared with ${name}: it was not installed**`),
    '',
  ];
}

export function throughputSection(result: ThroughputResult): string[] {
  const { points, store, sizes, mix, seconds } = result;
  const closed = points.filter(({ ratePerSecond }) => ratePerSecond === null);
  const open = points.filter(({ ratePerSecond }) => ratePerSecond !== null);
  return [
    `## Throughput (${store})`,
    '',
    ...headLines(result),
    `Objects of ${sizes}, windows of ${seconds} s. The servers take turns at each operation; client and server share the cores.`,
    '',
    ...markdownTable({
      title: `Closed loop (${store})`,
      columns: ['operation', 'in flight', 'server', '/s', 'MiB/s', ...LATENCY_COLUMNS, 'errors'],
      rows: closed.flatMap(loadRows),
    }),
    '',
    ...markdownTable({
      title: `Open loop: ${mix} (${store})`,
      columns: ['operation', 'in flight at most', 'rate meant', '/s', 'MiB/s', ...LATENCY_COLUMNS, 'errors'],
      rows: open.flatMap(loadRows),
    }),
    '',
    'Latency in the open loop counts from the moment at which an operation was due, in milliseconds; a timer of the client adds up to one.',
    '',
    ...markdownTable({
      title: `What our server took of the machine (${store})`,
      columns: ['operation', 'in flight', ...ENVELOPE_COLUMNS],
      rows: points
        .filter(({ subject }) => subject === 'artifortress')
        .map((point) => [point.load, howOf(point), ...envelopeCells(point.envelope)]),
    }),
    '',
  ];
}

export function slowSection(result: SlowResult): string[] {
  const { downloads, uploads, holdSeconds, bytesPerSecondEach, downloadsVerified, bystander, envelope } = result;
  return [
    '## Slow clients',
    '',
    ...headLines(result),
    `${downloads} downloads and ${uploads} one-request uploads at once, each at ${bytesPerSecondEach / 1024} KiB/s for ${holdSeconds} s; ` +
      `${downloadsVerified} of the downloads were then read to their end and their digest checked. A quick client beside them asked for 256 KiB every 100 ms.`,
    '',
    ...markdownTable({
      title: 'The quick client, and the server meanwhile',
      columns: ['operation', ...LATENCY_COLUMNS, ...ENVELOPE_COLUMNS],
      rows: [['download of 256 KiB', ...latencyCells(bystander), ...envelopeCells(envelope)]],
    }),
    '',
    memoryNote(envelope),
    '',
  ];
}

export function growthSection(result: GrowthResult): string[] {
  const { databases, plans, concurrency, secondsPerWindow } = result;
  const steps = ['create', 'parts', 'put part', 'complete', 'commit', 'dedupe', 'download', 'list', 'search'];
  return [
    '## Growth',
    '',
    ...headLines(result),
    'Servers of their own, whose databases hold so many blobs in one repository, each with its reference, its upload session and a row of ' +
      `the audit trail; loaded in turns, ${concurrency} operations in flight, windows of ${secondsPerWindow} s. What is looked up is any of the blobs.`,
    '',
    ...markdownTable({
      title: 'p99 in ms, the median of the rounds',
      columns: ['blobs', 'database GiB', 'seeded in s', ...steps],
      rows: databases.map(({ rows, databaseBytes, seededSeconds }) => [
        grouped(rows),
        (databaseBytes / GIB_BYTES).toFixed(2),
        seededSeconds.toFixed(0),
        ...steps.map((step) => median(p99sOf(result, rows, step)).toFixed(2)),
      ]),
    }),
    '',
    ...markdownTable({
      title: `How PostgreSQL goes about each statement among ${grouped(plans.rows)} blobs`,
      columns: ['statement', 'reads by'],
      rows: plans.statements.map(({ text, nodes }) => [
        `\`${shortStatement(text).replaceAll('|', '\\|')}\``,
        scansOf(nodes),
      ]),
    }),
    '',
  ];
}

export function soakSection(result: SoakResult): string[] {
  const { minutes, mix, sizes, ratePerSecond, figures, envelope } = result;
  const trends = Object.entries(SOAK_SERIES).flatMap(([name, series]) => {
    const trend = soakTrend(result, series);
    if (trend === null) return [];
    const { mean, slopePerHour, doubtPerHour, growthShare } = trend;
    const slope = `${slopePerHour.toFixed(2)} ± ${doubtPerHour.toFixed(2)}`;
    return [[name, mean.toFixed(1), slope, `${(growthShare * 100).toFixed(2)} %`]];
  });
  const point = {
    subject: 'artifortress',
    load: 'mix',
    concurrency: result.concurrency,
    ratePerSecond,
    figures,
    envelope,
  };
  return [
    '## Soak',
    '',
    ...headLines(result),
    `${minutes} minutes at ${ratePerSecond} operations a second, open loop: ${mix}; sizes ${sizes}.`,
    '',
    ...markdownTable({
      title: 'Lines through the samples after the first quarter, by least squares',
      columns: ['what', 'mean', 'slope an hour, with its 95 % interval', 'growth over the run'],
      rows: trends,
    }),
    '',
    ...markdownTable({
      title: 'Latency, ms',
      columns: ['operation', 'in flight at most', 'rate meant', '/s', 'MiB/s', ...LATENCY_COLUMNS, 'errors'],
      rows: loadRows(point),
    }),
    '',
    ...markdownTable({
      title: 'What the server took',
      columns: ['load', ...ENVELOPE_COLUMNS],
      rows: [['mix', ...envelopeCells(envelope)]],
    }),
    '',
    memoryNote(envelope),
    '',
  ];
}

const LATENCY_COLUMNS = ['p50 ms', 'p90', 'p99', 'p99.9', 'max'];

function latencyCells({ p50Ms, p90Ms, p99Ms, p999Ms, maximumMs }: LatencySummary): string[] {
  return [p50Ms, p90Ms, p99Ms, p999Ms, maximumMs].map((value) => value.toFixed(2));
}

const ENVELOPE_COLUMNS = [
  'server peak RSS MiB',
  'PostgreSQL MiB',
  'CPU s/GiB',
  'loop delay max ms',
  'waits for the pool',
  'sockets',
  'PG connections',
  'MiB dirtied',
];

function envelopeCells(envelope: Point['envelope']): string[] {
  const number = (value: number | null, digits = 0) => (value === null ? NOTHING : value.toFixed(digits));
  return [
    number(envelope.peakRssBytes / MIB_BYTES),
    number(envelope.postgresqlPeakPssBytes === null ? null : envelope.postgresqlPeakPssBytes / MIB_BYTES),
    number(envelope.cpuSecondsPerGib, 2),
    number(envelope.eventLoopMaximumMs, 1),
    number(envelope.peakPoolWaiting),
    number(envelope.peakSockets),
    number(envelope.peakDatabaseConnections),
    number(envelope.writtenBytes / MIB_BYTES),
  ];
}

/** What the memory in the table above is of. */
function memoryNote({ postgresqlPeakPssBytes }: Point['envelope']): string {
  const whole = 'The memory, its target and its line are of the server process, without PostgreSQL.';
  if (postgresqlPeakPssBytes === null) return whole;
  return `${whole} PostgreSQL's is that of all its processes, with what they share counted once, at the largest of the samples.`;
}

/** A row an operation of the point, of which a mix has several. */
function loadRows(point: Point): string[][] {
  const { figures, subject, load, concurrency, ratePerSecond } = point;
  const errors = Object.entries(figures.errors).map(([code, count]) => `${count} × ${code}`);
  if (figures.neverBegun > 0) errors.push(`${figures.neverBegun} never begun`);
  return figures.operations.map(({ operation, perSecond, mibPerSecond, latency }) => [
    operation === load ? operation : `${load}: ${operation}`,
    String(concurrency),
    ratePerSecond === null ? subject : `${ratePerSecond}/s in all`,
    perSecond.toFixed(0),
    mibPerSecond.toFixed(1),
    ...latencyCells(latency),
    errors.length === 0 ? '0' : errors.join(', '),
  ]);
}

function howOf({ concurrency, ratePerSecond }: Point): string {
  return ratePerSecond === null ? String(concurrency) : `at ${ratePerSecond}/s`;
}

/** Of a plan's steps those that read a table. */
function scansOf(nodes: readonly string[]): string {
  const scans = nodes.filter((node) => /Scan .|Index/.test(node));
  return scans.length === 0 ? 'nothing is read' : scans.join('; ');
}
