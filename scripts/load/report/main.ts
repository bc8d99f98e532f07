import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { TopLevelSpec } from 'vega-lite';
import { parseJson } from '../../bench/json-fields.ts';
import { RESULTS_FOLDER } from '../options.ts';
import { type LoadResult, parseResult } from '../results.ts';
import { verdictsOf } from '../targets-met.ts';
import { type BenchResult, benchVerdicts, parseBenchResult } from './bench-results.ts';
import { growthChart, latencyChart, memoryChart, throughputChart } from './charts.ts';
import { growthSection, slowSection, soakSection, throughputSection, verdictTable } from './sections.ts';
import { drawSvg } from './svg.ts';

const REPORT = fileURLToPath(new URL('../../../docs/reports/throughput.md', import.meta.url));
/** What people found out by the figures, such as what was mended, before and after; stands in the folder of the results. */
const NOTES = 'notes.md';
const ALL_PARTS = ['throughput', 'slow', 'growth', 'soak'] as const;

const HELP = `Usage: npm run load:report -- [--from <folder>] [--to <file>]

Writes a report of what npm run load found: the targets beside what was measured, tables, and charts as SVG beside the results.

  --from <folder>  the results (default docs/reports/load)
  --to <file>      the report (default docs/reports/throughput.md)`;

await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { from: { type: 'string' }, to: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help === true) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  const from = values.from ?? RESULTS_FOLDER;
  const to = values.to ?? REPORT;
  const { results, benches } = readResults(from);
  if (results.length + benches.length === 0)
    throw new Error(`there is no result in ${from}: npm run load -- all makes them`);
  mkdirSync(dirname(to), { recursive: true });
  const lines: string[] = [];
  for (const result of results) lines.push(...sectionOf(result), ...(await drawCharts(result, from, dirname(to))));
  const verdicts = [...results.flatMap(verdictsOf), ...benches.flatMap(benchVerdicts)];
  writeFileSync(
    to,
    `${[...introduction(results, benches), ...verdictTable(verdicts), '', ...lines, ...notesIn(from)].join('\n')}\n`,
  );
  process.stdout.write(
    `written to ${to}: ${verdicts.filter(({ met }) => met).length} of ${verdicts.length} targets met\n`,
  );
}

function readResults(from: string): { results: LoadResult[]; benches: BenchResult[] } {
  const results: LoadResult[] = [];
  const benches: BenchResult[] = [];
  const names = readdirSync(from).filter((name) => name.endsWith('.json'));
  for (const name of names.toSorted()) {
    const json = parseJson(readFileSync(join(from, name), 'utf8'));
    if (name.startsWith('bench-')) benches.push(parseBenchResult(json));
    else results.push(parseResult(json));
  }
  const place = ({ kind }: LoadResult) => ALL_PARTS.indexOf(kind);
  return { results: results.toSorted((left, right) => place(left) - place(right)), benches };
}

function introduction(results: readonly LoadResult[], benches: readonly BenchResult[]): string[] {
  const missing = ALL_PARTS.filter((part) => !results.some(({ kind }) => kind === part));
  return [
    '# Throughput',
    '',
    'What the server holds under load, beside its targets. What each figure means, and how it is taken, stands in [load.md](../load.md). ' +
      'All of it is made anew by:',
    '',
    '```sh',
    'npm run load -- all && npm run load:report',
    '```',
    '',
    ...benches.map(
      ({ options, machine }) =>
        `The ratios on the store "${options.store}" are of \`${options.command}\`, ${machine.startedAtUtc}, commit ${machine.commit}.\n`,
    ),
    ...missing.map((part) => `**Not run: ${part}.**\n`),
  ];
}

function sectionOf(result: LoadResult): string[] {
  switch (result.kind) {
    case 'throughput':
      return throughputSection(result);
    case 'slow':
      return slowSection(result);
    case 'growth':
      return growthSection(result);
    case 'soak':
      return soakSection(result);
  }
}

function chartsOf(result: LoadResult): Record<string, TopLevelSpec> {
  switch (result.kind) {
    case 'throughput':
      return {
        [`throughput-${result.store}`]: throughputChart(result),
        [`latency-${result.store}`]: latencyChart(result),
      };
    case 'slow':
      return { 'memory-slow': memoryChart(result) };
    case 'growth':
      return { growth: growthChart(result) };
    case 'soak':
      return { 'memory-soak': memoryChart(result) };
  }
}

/** Draws the charts of a result beside it; returns the lines that show them. */
async function drawCharts(result: LoadResult, folder: string, reportFolder: string): Promise<string[]> {
  const lines: string[] = [];
  for (const [name, spec] of Object.entries(chartsOf(result))) {
    const path = join(folder, `${name}.svg`);
    writeFileSync(path, await drawSvg(spec));
    lines.push(`![${name}](${relative(reportFolder, path)})`, '');
  }
  return lines;
}

function notesIn(folder: string): string[] {
  const path = join(folder, NOTES);
  return existsSync(path) ? [readFileSync(path, 'utf8')] : [];
}
