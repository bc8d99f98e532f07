import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseResult } from '../../../scripts/load/results.ts';
import { shortStatement } from '../../../scripts/load/statement-text.ts';

/** Short runs of the load commands, as their users call them: that they work and that nothing fails, and not how fast it goes. */

const ROOT = new URL('../../../', import.meta.url).pathname;
const run = promisify(execFile);

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifortress-load-smoke-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Rejects with what was said where the exit code isn't 0, as it is where an operation failed. */
async function script(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [join(ROOT, 'scripts/load', name), ...args], { cwd: ROOT });
  return stdout;
}

async function load(...args: string[]) {
  await script('main.ts', ...args, '--quick', '--out', folder, '--dir', folder);
}

const resultOf = async (name: string) => parseResult(JSON.parse(await readFile(join(folder, `${name}.json`), 'utf8')));

test.each(['folder', 'minio'])('every operation is measured on the store %s, and the server watched', async (store) => {
  await load('throughput', '--store', store);
  const result = await resultOf(`throughput-${store}`);
  if (result.kind !== 'throughput') throw new Error(result.kind);
  const ours = result.points.filter(({ subject }) => subject === 'artifortress');
  const loads = ['session', 'put', 'dedupe', 'download', 'range', 'mix', 'mix', 'mix'];
  expect(ours.map(({ load: what }) => what)).toEqual(loads);
  expect(ours.map(({ figures }) => figures.errors)).toEqual(ours.map(() => ({})));
  expect(ours.every(({ envelope }) => envelope.peakRssBytes > 0 && envelope.eventLoopMaximumMs !== null)).toBe(true);
});

test('slow downloads and uploads are held, and give the right bytes in the end', async () => {
  await load('slow');
  expect(await resultOf('slow')).toMatchObject({
    errors: {},
    downloadsHeld: 50,
    downloadsVerified: 16,
    uploadsCommitted: 10,
  });
});

test('no statement of the product reads a table that grows from end to end', async () => {
  await load('growth');
  const result = await resultOf('growth');
  if (result.kind !== 'growth') throw new Error(result.kind);
  expect(result.databases.map(({ rows }) => rows)).toEqual([10_000, 20_000]);
  expect(result.plans.statements.length).toBeGreaterThan(30);
  expect(result.plans.statements.filter(({ sequentialScans }) => sequentialScans.length > 0)).toEqual([]);
});

test('a soak samples memory, handles and connections through the run', async () => {
  await load('soak');
  const result = await resultOf('soak');
  if (result.kind !== 'soak') throw new Error(result.kind);
  expect(result.samples.length).toBeGreaterThan(3);
  expect(result.samples.every(({ postgresqlPssBytes }) => (postgresqlPssBytes ?? 0) > 0)).toBe(true);
  expect(result.samples.every(({ databaseConnections, sockets }) => databaseConnections > 0 && sockets > 0)).toBe(true);
});

test('statements are told by their conditions, and cut between words', async () => {
  const result = await resultOf('growth');
  if (result.kind !== 'growth') throw new Error(result.kind);
  const shown = result.plans.statements.map(({ text }) => shortStatement(text));
  expect(shown.filter((text) => text.length > 250)).toEqual([]);
  expect(shown).toContain('select … from audit_batches order by batch_number desc limit 1');
  // One statement may be planned in several ways.
  const texts = new Set(result.plans.statements.map(({ text }) => text));
  expect(new Set(shown).size).toBe(texts.size);
});

test('the report shows each result beside its targets, with charts', async () => {
  const report = join(folder, 'report.md');
  await script('report/main.ts', '--from', folder, '--to', report);
  const text = await readFile(report, 'utf8');
  expect(text).toContain('npm run load -- all && npm run load:report');
  const titles = [...text.matchAll(/^## (.*)$/gm)].map(([, title]) => title);
  expect(titles).toEqual(['Targets', 'Throughput (folder)', 'Throughput (minio)', 'Slow clients', 'Growth', 'Soak']);
  const charts = [...text.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path]) => path ?? '');
  expect(charts).toHaveLength(7);
  expect(charts.filter((path) => !existsSync(join(folder, path)))).toEqual([]);
  expect(await readFile(join(folder, 'growth.svg'), 'utf8')).toMatch(/^<svg /);
  expect(text).toMatch(/of the server process, without PostgreSQL/);
  expect(text).not.toMatch(/T\d\d:\d\d:\d\d\.\d/);
});
