import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sealAudit } from '../../src/audit/seal.ts';
import { KNOWN_LABELS } from '../../src/metrics/known-labels.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { startSlowUpload } from '../http/slow-upload.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { parseScrape, scrape, scrapeWithBacklog } from './scrape.ts';

const METRICS_TOKEN = 'a-token-for-metrics-only';
const BLOB = '/v1/repos/:repoKey/blobs/:digest';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { metricsToken: METRICS_TOKEN, deletionDelaySeconds: 0 } });
  await server.createRepository('apps');
});

afterAll(() => server.close());

/** By how much a sample grows while `work` runs. */
async function rise(name: string, labels: Record<string, string>, work: () => Promise<unknown>): Promise<number> {
  const before = (await scrape(server)).sum(name, labels);
  await work();
  return (await scrape(server)).sum(name, labels) - before;
}

const put = (bytes: Buffer) =>
  server.request('PUT', `/v1/repos/apps/blobs/${sha256(bytes)}`, { body: new Uint8Array(bytes) });
const get = (bytes: Buffer) => server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`);

describe('requests', () => {
  test('are timed by method, route and class of status', async () => {
    const labels = { method: 'GET', route: BLOB, status: '4xx' };
    expect(await rise('artifortress_http_request_duration_seconds_count', labels, () => get(uniqueBytes(8)))).toBe(1);
  });

  test('are timed from the head of the request to the end of the answer', async () => {
    const labels = { method: 'PUT', route: BLOB, status: '2xx' };
    const dawdle = async () => {
      const upload = await startSlowUpload(server);
      await sleep(200);
      await upload.finish();
    };
    expect(await rise('artifortress_http_request_duration_seconds_sum', labels, dawdle)).toBeGreaterThanOrEqual(0.19);
  });

  test('are counted by status code', async () => {
    const labels = { method: 'GET', route: BLOB, code: '404' };
    expect(await rise('artifortress_http_requests_total', labels, () => get(uniqueBytes(8)))).toBe(1);
  });

  test('make no series of their own by what their paths and methods say', async () => {
    const series = async () => (await scrape(server)).text.split('\n').filter((line) => line.includes('_http_')).length;
    const ask = (method: string, name: string) =>
      Promise.all([
        server.request(method, `/v1/repos/${name}`),
        server.request(method, `/nowhere/${name}`),
        server.request(method, `/v1/repos/${name}/blobs/${sha256(Buffer.from(name))}`),
      ]);
    await ask('PROPFIND', 'first');
    const before = await series();
    for (const method of ['PROPFIND', 'MKCOL', 'SEARCH', 'LOCK']) await ask(method, `some-${method.toLowerCase()}`);
    expect(await series()).toBe(before);
  });

  test('whose client goes away in the middle of the answer count as aborted', async () => {
    const bytes = uniqueBytes(32 * 1024 ** 2);
    await put(bytes);
    const labels = { method: 'GET', route: BLOB, code: 'aborted' };
    const leave = () =>
      new Promise<void>((resolve) => {
        const url = new URL(`/v1/repos/apps/blobs/${sha256(bytes)}`, server.url);
        const asked = request(url, { headers: { authorization: `Bearer ${server.adminToken}` } }, (answer) => {
          answer.once('data', () => answer.destroy());
          answer.once('close', resolve);
        });
        asked.end();
      });
    await expect
      .poll(() => rise('artifortress_http_requests_total', labels, leave), { timeout: 10_000 })
      .toBeGreaterThanOrEqual(1);
  });
});

describe('bytes', () => {
  test('of a one-request upload are counted', async () => {
    const bytes = uniqueBytes(12_345);
    expect(await rise('artifortress_received_bytes_total', { path: 'put' }, () => put(bytes))).toBe(12_345);
  });

  test('of a part are counted by the way that they came in', async () => {
    const bytes = uniqueBytes(4321);
    const upload = async () => {
      const declared = { expectedDigest: sha256(bytes), expectedLength: bytes.length };
      const { json } = await server.request('POST', '/v1/repos/apps/uploads', { json: declared });
      const signed = await server.request('POST', `/v1/repos/apps/uploads/${json.uploadId}/parts`, {
        json: { partNumber: 1 },
      });
      await fetch(signed.json.uploadUrl, { method: 'PUT', body: new Uint8Array(bytes) });
    };
    expect(await rise('artifortress_received_bytes_total', { path: 'part' }, upload)).toBe(4321);
    expect(await rise('artifortress_presigned_urls_total', { kind: 'part' }, upload)).toBe(1);
  });

  test('of a download, and of a range, are counted as they are sent', async () => {
    const bytes = uniqueBytes(10_000);
    await put(bytes);
    expect(await rise('artifortress_sent_bytes_total', { path: 'api' }, () => get(bytes))).toBe(10_000);
    const range = () =>
      server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`, { headers: { range: 'bytes=10-19' } });
    expect(await rise('artifortress_sent_bytes_total', { path: 'api' }, range)).toBe(10);
  });
});

describe('calls', () => {
  test('to the store are timed by operation and outcome', async () => {
    const bytes = uniqueBytes(100);
    const labels = { operation: 'put', outcome: 'ok' };
    expect(await rise('artifortress_store_call_duration_seconds_count', labels, () => put(bytes))).toBe(1);
    const open = { operation: 'open', outcome: 'ok' };
    expect(await rise('artifortress_store_call_duration_seconds_count', open, () => get(bytes))).toBe(1);
  });

  test('to the store that fail have their kind as outcome', async () => {
    const { objects } = server.running.services;
    const bytes = uniqueBytes(100);
    await put(bytes);
    const [row] = await server.running.services.db.query(
      sql<{ key: string }>`select object_key as key from blobs where digest = ${sha256(bytes)}`,
    );
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the column holds nothing else
    await objects.purge(row?.key as Parameters<typeof objects.purge>[0]);
    const labels = { operation: 'open', outcome: 'object_not_found' };
    expect(await rise('artifortress_store_call_duration_seconds_count', labels, () => get(bytes))).toBe(1);
  });

  test('to the database are timed, and their failures counted', async () => {
    const { db } = server.running.services;
    const failing = () => db.query(sql`select 1 / 0`).catch(() => undefined);
    expect(await rise('artifortress_database_errors_total', { kind: 'other' }, failing)).toBe(1);
    expect(await rise('artifortress_database_statement_duration_seconds_count', { outcome: 'failed' }, failing)).toBe(
      1,
    );
    const transaction = () => db.transaction((inside) => inside.query(sql`select 1`));
    const committed = { outcome: 'committed' };
    expect(await rise('artifortress_database_transaction_duration_seconds_count', committed, transaction)).toBe(1);
  });

  test('to the database are none for a scrape', async () => {
    const count = async () =>
      (await scrape(server, METRICS_TOKEN)).sum('artifortress_database_statement_duration_seconds_count');
    const before = await count();
    expect(await count()).toBe(before);
  });
});

describe('a first failure makes no series of its own', () => {
  async function afterwards(name: string, fail: (metrics: ReturnType<typeof createMetrics>) => void) {
    const metrics = createMetrics({ version: '0', known: KNOWN_LABELS });
    const scraped = async () => parseScrape(await metrics.registry.metrics());
    const before = (await scraped()).samples.filter((sample) => sample.name === name);
    fail(metrics);
    const after = (await scraped()).samples.filter((sample) => sample.name === name);
    const risen = after.filter(({ value }) => value > 0).map(({ labels, value }) => [...labels.values(), value]);
    return { born: after.length - before.length, risen };
  }

  test.each([500, 503, 507])('where a request is answered %i', async (status) => {
    const answer = { method: 'GET', route: '/v1/repos', status, durationMs: 1 };
    expect(
      await afterwards('artifortress_http_server_errors_total', (metrics) => metrics.observeRequest(answer)),
    ).toEqual({ born: 0, risen: [[String(status), 1]] });
  });

  test.each(['unavailable', 'access_denied', 'full', 'failed'] as const)('where the store is "%s"', async (kind) => {
    expect(
      await afterwards('artifortress_store_failures_total', ({ store }) => store.call('receivePart', kind, 1)),
    ).toEqual({ born: 0, risen: [['receivePart', kind, 1]] });
  });

  test.each(['object_not_found', 'wrong_length', 'ok'] as const)('nor is the answer "%s" one', async (outcome) => {
    const { risen } = await afterwards('artifortress_store_failures_total', ({ store }) =>
      store.call('put', outcome, 1),
    );
    expect(risen).toEqual([]);
  });
});

test('denials are counted by reason', async () => {
  const ask = () => server.request('GET', '/v1/repos', { token: 'aft_unknown' });
  expect(await rise('artifortress_denials_total', { reason: 'unknown' }, ask)).toBe(1);
});

test('what happened is counted once, when it is sealed, whichever process seals it', async () => {
  const labels = { action: 'upload.committed' };
  await sealAudit(server.running.services);
  const risen = await rise('artifortress_audit_events_total', labels, async () => {
    await put(uniqueBytes(10));
    await sealAudit(server.running.services);
    await sealAudit(server.running.services);
  });
  expect(risen).toBe(1);
});

test('jobs are timed by kind and outcome', async () => {
  const bytes = uniqueBytes(10);
  await put(bytes);
  const run = async () => {
    await server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    await server.runWorker();
  };
  expect(await rise('artifortress_job_duration_seconds_count', { kind: 'blob.delete', outcome: 'done' }, run)).toBe(1);
});

test('the backlog is told by a process whose worker counts it', async () => {
  const working = await startTestServer({ settings: { worker: true, workerIntervalSeconds: 1 } });
  try {
    const seen = await scrapeWithBacklog(working);
    expect(seen.labelValues('artifortress_upload_sessions', 'state')).toEqual([
      'initiated',
      'parts_uploading',
      'pending_commit',
    ]);
  } finally {
    await working.close();
  }
});
