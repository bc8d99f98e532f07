import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isToBeRun } from '../support/needed-program.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { uniqueBytes, upload } from '../support/uploading.ts';
import { risesIn, valuesOf } from './alert-series.ts';
import { type Scrape, scrape } from './scrape.ts';

const FOLDER = join(import.meta.dirname, '../../deploy/monitoring');
const RULES = 'artifortress.rules.yml';
const RULES_TEST = 'artifortress.rules.test.yml';
/** Names of metrics in an expression of PromQL: what has one of our prefixes, or of those that the client library brings. */
const METRIC = /\b(?:artifortress|process|nodejs)_[a-z0-9_]+\b/g;

/** Told only where the log of PostgreSQL is archived: `wal-archive.test.ts` holds that it begins at 0 there. */
const WAL_ARCHIVE = /^artifortress_wal_/;
/** The labels that a scrape adds to every series. */
const GIVEN_BY_PROMETHEUS = new Set(['instance', 'job']);

const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

const runsPromtool = isToBeRun('promtool', 'the rules are not run through promtool');

let server: TestServer;
/** By the first scrape, before anything happened. */
let first: Scrape;
let seen: Scrape;

beforeAll(async () => {
  server = await startTestServer({ settings: { worker: true, workerIntervalSeconds: 1 } });
  first = await scrape(server);
  await server.createRepository('apps');
  await upload(server, 'apps', uniqueBytes(100));
  seen = await scrape(server);
});

afterAll(() => server.close());

/** The expressions of every panel and variable. */
function expressionsOfDashboard(): string[] {
  return [...read('grafana-dashboard.json').matchAll(/"(?:expr|query)": "((?:[^"\\]|\\.)*)"/g)].map(
    ([, text = '']) => text,
  );
}

const metricsIn = (texts: string[]) => [...new Set(texts.flatMap((text) => text.match(METRIC) ?? []))].sort();

test('the dashboard asks only for metrics that the server has', () => {
  const asked = metricsIn(expressionsOfDashboard());
  expect(asked.length).toBeGreaterThan(25);
  expect(asked.filter((name) => !seen.names.has(name))).toEqual([]);
});

test('the dashboard shows every metric of the product', () => {
  const bare = (name: string) => name.replace(/_(bucket|sum|count)$/, '');
  const shown = new Set(metricsIn(expressionsOfDashboard()).map(bare));
  const own = [...new Set([...seen.names].filter((name) => name.startsWith('artifortress_')).map(bare))];
  expect(own.filter((name) => !shown.has(name))).toEqual([]);
});

test('the alert rules ask only for metrics that the server has', () => {
  const asked = metricsIn([read(RULES)]);
  expect(asked.length).toBeGreaterThan(12);
  expect(asked.filter((name) => !seen.names.has(name))).toEqual([]);
});

test('what an alert sees a first event by is there at 0 from the first scrape', () => {
  const rises = risesIn(read(RULES)).filter(({ name }) => !WAL_ARCHIVE.test(name));
  expect(rises.length).toBeGreaterThanOrEqual(9);
  // A counter that appears with its first event has risen by nothing.
  expect(rises.filter((rise) => valuesOf(rise, first).length === 0).map(({ text }) => text)).toEqual([]);
  expect(rises.filter((rise) => valuesOf(rise, first).some((value) => value !== 0))).toEqual([]);
});

test('the tests of the rules feed series as the server has them', () => {
  const shape = (name: string, labels: string[]) => `${name} ${labels.toSorted().join(' ')}`;
  const had = new Set(seen.samples.map(({ name, labels }) => shape(name, [...labels.keys()])));
  const fed = [...read(RULES_TEST).matchAll(/- series: '(\w+)\{(.*)\}'/g)].map(([, name = '', labels = '']) => {
    const keys = [...labels.matchAll(/(\w+)="/g)].map(([, key = '']) => key);
    return shape(
      name,
      keys.filter((key) => !GIVEN_BY_PROMETHEUS.has(key)),
    );
  });
  expect(fed.length).toBeGreaterThan(40);
  const isKnown = (series: string) => series === shape('up', []) || WAL_ARCHIVE.test(series) || had.has(series);
  expect(fed.filter((series) => !isKnown(series))).toEqual([]);
});

test('each alert has a test in which it fires and one in which it does not', () => {
  const alerts = [...read(RULES).matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  const tested = [...read(RULES_TEST).matchAll(/alertname: (\w+)\n\s+eval_time: \S+\n\s+exp_alerts:( \[\])?/g)];
  const names = (quiet: boolean) =>
    tested.filter(([, , none]) => (none !== undefined) === quiet).map(([, name]) => name);
  expect({ firing: names(false), quiet: names(true) }).toEqual({ firing: alerts, quiet: alerts });
});

test('what to do about each alert is told in docs/operating.md', () => {
  const alerts = [...read(RULES).matchAll(/- alert: (\w+)/g)].map(([, name = '']) => name);
  const page = readFileSync(join(FOLDER, '../../docs/operating.md'), 'utf8');
  expect(alerts.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

describe.skipIf(!runsPromtool)('promtool', () => {
  const run = promisify(execFile);
  const promtool = async (...args: string[]) => {
    const result = await run('promtool', args, { cwd: FOLDER }).catch(
      (error: { stdout: string; stderr: string }) => error,
    );
    return `${result.stdout}${result.stderr}`;
  };

  test('accepts the rules', async () => {
    expect(await promtool('check', 'rules', RULES)).toContain('SUCCESS');
  });

  test('finds that each alert fires when it has to, and only then', async () => {
    expect(await promtool('test', 'rules', RULES_TEST)).toContain('SUCCESS');
  });

  test('accepts the example of a configuration', async () => {
    expect(await promtool('check', 'config', '--syntax-only', 'prometheus.yml')).toContain('SUCCESS');
  });

  test('has nothing to say against what the server exposes', async () => {
    const checking = run('promtool', ['check', 'metrics']);
    checking.child.stdin?.end(seen.text);
    expect(await checking).toMatchObject({ stdout: '', stderr: '' });
  });

  test('understands every expression of the dashboard', async () => {
    const expressions = expressionsOfDashboard()
      .filter((text) => /\(|\{/.test(text) && !text.startsWith('label_values'))
      .map((text) => JSON.parse(`"${text}"`).replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'));
    const rules = expressions.map((expr, index) => ({ record: `panel:${index}`, expr }));
    const file = join(server.dataDirectory, 'dashboard.rules.json');
    await writeFile(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    expect(await promtool('check', 'rules', file)).toContain(`${rules.length} rules found`);
  });
});
