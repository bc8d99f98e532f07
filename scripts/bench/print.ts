import type { Report } from './report.ts';
import { type Table, tablesOf } from './tables.ts';

const LEGEND = [
  'Every figure is the median of the rounds; latencies are in milliseconds, for each object (obj) and each request (req).',
  'CPU is user and system seconds for each GiB moved: of the server with all its processes, the part of it by PostgreSQL (PG),',
  'and of the client, which shares the cores with the server and is the same for all. RSS is the peak within the timed windows,',
  'PG MiB the sum over the processes of PostgreSQL, each of which counts the shared memory that it touched.',
];
const S3_LEGEND = [
  'CPU and RSS of our server and of docker-registry leave out the S3 server, which works for both; those of the raw rows are its own.',
  "raw presigned: that server's own URLs for reading, signed beforehand. raw PUTs: creates the upload, signs, sends the parts, completes;",
  'nothing is hashed and nothing proved. client push: our library, with the digest made first unless known, and the proof of the commit,',
  'which reads several parts back. So aims stand where both sides do the same: at the transfer, and at the push that has nothing to hash or read back.',
  'The requests of the big uploads are the phases of each, one after the other; transfer is from the first URL to the last ETag.',
];

/** Returns a report as text for a terminal, or as Markdown. */
export function printReport(report: Report): string {
  const { markdown } = report.options;
  const formatTable = (table: Table) => (markdown ? markdownTable(table) : plainTable(table));
  const lines = [
    ...(markdown ? documentHead(report) : []),
    ...headLines(report).map((line) => (markdown ? `- ${line}` : line)),
    '',
    ...tablesOf(report).flatMap((table) => [...formatTable(table), '']),
    ...LEGEND,
    ...(report.options.store === 's3' ? S3_LEGEND : []),
    ...failureLines(report),
  ];
  return `${lines.join('\n')}\n`;
}

function documentHead({ options }: Report): string[] {
  const title = options.store === 's3' ? '# Benchmark on S3' : '# Benchmark';
  return [title, '', `Written by \`${options.command}\`.`, ''];
}

function headLines({ machine, versions, options }: Report): string[] {
  const { cpu, cores, memoryGib, kernel, fileSystem, node, postgresql, commit, startedAtUtc } = machine;
  const store =
    options.store === 's3' ? `, ${options.trafficGib} GiB of traffic; the bytes of all on one ${options.s3Server}` : '';
  return [
    `${startedAtUtc}, commit ${commit}`,
    `${cpu}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel}, ${fileSystem}`,
    `Node ${node}, PostgreSQL ${postgresql}${Object.entries(versions)
      .map(([name, version]) => `; ${name}: ${version}`)
      .join('')}`,
    `${options.rounds} rounds of ${options.seconds} s windows, big object ${options.bigMib} MiB${store}`,
  ];
}

function failureLines({ missing, machine, results }: Report): string[] {
  return [
    ...missing.map(({ name, remedy }) => `!! NOT COMPARED WITH ${name}: it isn't installed. Install it by: ${remedy}`),
    ...(machine.onProjectDisk ? [] : ['!! The temporary data lay on another disk than the project: see --dir']),
    ...results.failures.map((failure) => `!! FAILED: ${failure}`),
  ];
}

function plainTable({ title, columns, rows }: Table): string[] {
  const all = [columns, ...rows];
  const widths = columns.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const format = (row: readonly string[]) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)))
      .join('  ');
  return [title, ...all.map((row) => `  ${format(row).trimEnd()}`)];
}

/** A table below its title, which is a heading of this level. */
export function markdownTable({ title, columns, rows }: Table, level: '##' | '###' = '###'): string[] {
  const format = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  const rule = format(columns.map((_, column) => (column === 0 ? '---' : '---:')));
  return [`${level} ${title}`, '', format(columns), rule, ...rows.map(format)];
}
