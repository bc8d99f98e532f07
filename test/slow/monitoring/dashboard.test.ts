import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isToBeRun } from '../../support/needed-program.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../../support/uploading.ts';
import { type Prometheus, type Sample, startPrometheus } from './prometheus.ts';

const METRICS_TOKEN = 'a-token-for-metrics-only';
const TRAFFIC_SECONDS = 12;
const runsPrometheus = isToBeRun('prometheus', 'the dashboard is not shown by Prometheus');

interface Panel {
  title: string;
  type: string;
  fieldConfig?: { defaults?: { unit?: string } };
  targets?: { expr: string }[];
}

const { panels }: { panels: Panel[] } = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../deploy/monitoring/grafana-dashboard.json'), 'utf8'),
);
const shown = panels.flatMap(({ title, fieldConfig, targets = [] }) =>
  targets.map(({ expr }) => ({
    title,
    unit: fieldConfig?.defaults?.unit,
    expr: expr.replaceAll('$__rate_interval', '10s').replaceAll('$instance', '.*'),
  })),
);

/** The label in which Prometheus keeps a metric's name. */
const NAME = '__name__';
/** Panels of what went wrong, and of what this server does not do: of one that is well they have nothing to tell. */
const EMPTY_WHERE_ALL_IS_WELL = ['Failures of the store', 'Archive of the log of PostgreSQL'];

describe.skipIf(!runsPrometheus)('a server with some traffic, as Prometheus sees it', () => {
  let server: TestServer;
  let prometheus: Prometheus;

  beforeAll(async () => {
    const settings = { metricsToken: METRICS_TOKEN, worker: true, workerIntervalSeconds: 1, deletionDelaySeconds: 0 };
    server = await startTestServer({ settings });
    await server.createRepository('apps');
    prometheus = await startPrometheus(new URL(server.url).host, METRICS_TOKEN);
    for (const until = Date.now() + TRAFFIC_SECONDS * 1000; Date.now() < until; await sleep(100)) await round();
  });

  afterAll(async () => {
    await prometheus[Symbol.asyncDispose]();
    await server.close();
  });

  /** A bit of everything that a panel shows. */
  async function round(): Promise<void> {
    const [inSteps, inOne] = [uniqueBytes(5000), uniqueBytes(5000)];
    const blob = (bytes: Buffer) => `/v1/repos/apps/blobs/${sha256(bytes)}`;
    await upload(server, 'apps', inSteps);
    await server.request('PUT', blob(inOne), { body: inOne });
    await server.request('GET', blob(inOne));
    await server.request('GET', blob(uniqueBytes()));
    await server.request('GET', '/health/ready');
    await server.request('GET', '/v1/repos', { token: 'aft_unknown' });
    await server.request('DELETE', blob(inOne));
  }

  test.each(shown)('$title: $expr', async ({ title, expr }) => {
    const samples = await prometheus.query(expr);
    if (!EMPTY_WHERE_ALL_IS_WELL.includes(title)) expect(samples).not.toEqual([]);
    expect(samples.filter(({ value }) => Number.isNaN(value) || value < 0)).toEqual([]);
  });

  test('counts no time as none', async () => {
    // A quantile would not tell: within the least bucket it is never 0.
    const sums = await prometheus.query('{__name__=~"artifortress_.+_duration_seconds_sum"}');
    const counts = await prometheus.query('{__name__=~"artifortress_.+_duration_seconds_count"} > 0');
    const nameOf = ({ metric: { [NAME]: name = '' } }: Sample) => name.replace(/_(sum|count)$/, '');
    const happened = new Set(counts.map(nameOf));
    expect(happened.size).toBeGreaterThan(4);
    const took = new Set(sums.filter(({ value }) => value > 0).map(nameOf));
    expect([...happened].filter((name) => !took.has(name))).toEqual([]);
  });

  test('sets off no alert', async () => {
    expect(await prometheus.alerts()).toEqual([]);
  });
});
