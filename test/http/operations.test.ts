import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase } from '../support/test-database.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { expectError } from './expect-error.ts';

const METRICS_TOKEN = 'a-token-for-metrics-only';

let server: TestServer;
let reader: string;

beforeAll(async () => {
  server = await startTestServer({ settings: { metricsToken: METRICS_TOKEN } });
  reader = await server.issueToken('reader', ['repo:*:read', 'repo:apps:admin']);
});

afterAll(() => server.close());

test('/ tells service and version', async () => {
  const { version } = JSON.parse(await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'));
  expect((await server.request('GET', '/', { token: null })).json).toEqual({ service: 'artifortress', version });
});

test('/health/live answers anybody', async () => {
  expect(await server.request('GET', '/health/live', { token: null })).toMatchObject({
    status: 200,
    json: { status: 'live' },
  });
});

describe('/health/ready', () => {
  const ready = (token: string | null = null) => server.request('GET', '/health/ready', { token });

  test('is a 200 to anybody while everything is up', async () => {
    const reply = await ready();
    expect({ status: reply.status, body: reply.json }).toEqual({
      status: 200,
      body: { status: 'ready', dependencies: { database: { status: 'up' }, objectStore: { status: 'up' } } },
    });
  });

  describe('while the folder of the objects is away', () => {
    const folder = () => join(server.dataDirectory, 'objects');
    const aside = () => join(server.dataDirectory, 'objects-aside');

    beforeAll(() => rename(folder(), aside()));
    afterAll(() => rename(aside(), folder()));

    test('is a 503 that names the store alone', async () => {
      expect(await ready()).toMatchObject({
        status: 503,
        json: { status: 'not_ready', dependencies: { database: { status: 'up' }, objectStore: { status: 'down' } } },
      });
    });

    test.each([
      ['nobody', () => null],
      ['a reader', () => reader],
      ['a token that is not known', () => 'aft_unknown'],
    ])('tells no details to %s', async (_name, token) => {
      expect((await ready(token())).json.dependencies.objectStore).toEqual({ status: 'down' });
    });

    test('tells details to an administrator', async () => {
      expect((await ready(server.adminToken)).json.dependencies.objectStore).toMatchObject({
        status: 'down',
        detail: expect.stringMatching(/\S/),
      });
    });

    test('says when to ask again', async () => {
      expect((await ready()).headers.get('retry-after')).toMatch(/^\d+$/);
    });

    test('leaves the process alive', async () => {
      expect((await server.request('GET', '/health/live')).status).toBe(200);
    });
  });

  test('is a 200 again once the folder is back', async () => {
    const [folder, aside] = [join(server.dataDirectory, 'objects'), join(server.dataDirectory, 'aside')];
    await rename(folder, aside);
    const away = (await ready()).status;
    await rename(aside, folder);
    expect([away, (await ready()).status]).toEqual([503, 200]);
  });
});

describe('while the database is gone', () => {
  let orphan: TestServer;

  beforeAll(async () => {
    const database = await createTestDatabase();
    orphan = await startTestServer({ database });
    await database.drop();
  });

  afterAll(() => orphan.close());

  test('/health/ready is a 503 that names it, and tells no more to anybody', async () => {
    expect(await orphan.request('GET', '/health/ready')).toMatchObject({
      status: 503,
      json: { status: 'not_ready', dependencies: { database: { status: 'down' }, objectStore: { status: 'up' } } },
    });
  });

  test('no details are told, since nobody can be recognised', async () => {
    expect((await orphan.request('GET', '/health/ready')).json.dependencies.database).toEqual({ status: 'down' });
  });

  test('a request is a 503 with Retry-After', async () => {
    const reply = await orphan.request('GET', '/v1/repos');
    expectError(reply, 503, 'service_unavailable');
    expect(reply.headers.get('retry-after')).toMatch(/^\d+$/);
  });

  test('a request tells nothing of the database', async () => {
    const reply = await orphan.request('GET', '/v1/repos');
    expect(reply.bytes.toString()).not.toContain(orphan.database.target.database);
  });

  test('/health/live is a 200', async () => {
    expect((await orphan.request('GET', '/health/live')).status).toBe(200);
  });
});

describe('/metrics', () => {
  const metrics = (token: string | null, on = server) => on.request('GET', '/metrics', { token });

  test('is a 401 without a token', async () => {
    expectError(await metrics(null), 401, 'unauthorized');
  });

  test('is a 401 with another token', async () => {
    expectError(await metrics('a-token-for-metrics-onlx'), 401, 'unauthorized');
  });

  test('is a 403 to a reader', async () => {
    expectError(await metrics(reader), 403, 'forbidden');
  });

  test.each([
    ['an administrator', () => server.adminToken],
    ['the token of the setting', () => METRICS_TOKEN],
  ])('is shown to %s', async (_name, token) => {
    const reply = await metrics(token());
    expect({ status: reply.status, text: reply.bytes.toString() }).toEqual({
      status: 200,
      text: expect.stringMatching(/^# TYPE artifortress_http_request_duration_seconds histogram$/m),
    });
  });

  test('counts requests by method, route pattern and status code', async () => {
    await server.request('GET', '/v1/repos/counted-repository');
    const text = (await metrics(METRICS_TOKEN)).bytes.toString();
    expect(text).toContain('artifortress_http_requests_total{method="GET",route="/v1/repos/:repoKey",code="404"} 1');
  });

  test('names no repository', async () => {
    await server.request('GET', '/v1/repos/a-secret-name');
    expect((await metrics(METRICS_TOKEN)).bytes.toString()).not.toContain('a-secret-name');
  });

  test('the token of the setting opens nothing else', async () => {
    expectError(await server.request('GET', '/v1/repos', { token: METRICS_TOKEN }), 401, 'unauthorized');
  });

  test('is open where the setting says so', async () => {
    const open = await startTestServer({ settings: { metricsOpen: true } });
    const reply = await metrics(null, open);
    await open.close();
    expect(reply.status).toBe(200);
  });
});

describe('/docs', () => {
  test('is a page', async () => {
    const reply = await server.request('GET', '/docs', { token: null });
    expect([reply.status, reply.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
  });

  test('refers only to files that are there', async () => {
    const html = (await server.request('GET', '/docs', { token: null })).bytes.toString();
    const paths = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? '');
    const replies = await Promise.all(
      paths.map(async (path) => ({
        path,
        status: (await server.request('GET', new URL(path, `${server.url}/docs`).href)).status,
      })),
    );
    expect(replies).toEqual(paths.map((path) => ({ path, status: 200 })));
  });
});
