import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/kernel/config.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { type RunningServer, startServer } from '../../src/main.ts';
import { type Issuer, type SettingsFile, startIssuer, writeOidcFile } from '../access/issuer.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { examplesOf, isAsPromised, typeInOrder } from './examples.ts';

const METRICS_TOKEN = 'reads-the-metrics-and-nothing-else';
/** Pages for browsers, with what they load. */
const PAGES = /^GET \/(docs|console)\b/;

const examples = await examplesOf('http-guide.md');

describe('the HTTP guide', () => {
  let folder: string;
  let database: TestDatabase;
  let issuer: Issuer;
  let oidc: SettingsFile;
  let server: RunningServer;
  let typed: Awaited<ReturnType<typeof typeInOrder>>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'artifortress-guide-'));
    database = await createTestDatabase();
    issuer = await startIssuer();
    const rules = [{ claims: { repository: 'org/app', ref: 'refs/heads/main' }, scopes: ['repo:libs:write'] }];
    oidc = await writeOidcFile([{ issuer: issuer.url, audience: 'artifortress', subject: 'ci:{repository}', rules }]);
    const bootstrapToken = randomBytes(24).toString('hex');
    server = await startServer({
      settings: {
        ...loadConfig({}).settings,
        port: 0,
        databaseUrl: database.url,
        dataDirectory: join(folder, 'data'),
        bootstrapToken,
        metricsToken: METRICS_TOKEN,
        oidcFile: oidc.path,
        workerIntervalSeconds: 1,
      },
      log: createLogger('fatal'),
    });
    const now = Math.floor(Date.now() / 1000);
    const jwt = await issuer.sign({
      iss: issuer.url,
      aud: 'artifortress',
      sub: 'job',
      iat: now,
      exp: now + 300,
      repository: 'org/app',
      ref: 'refs/heads/main',
    });
    const { PATH, HOME } = process.env;
    typed = await typeInOrder(examples, folder, {
      PATH,
      HOME,
      ARTIFORTRESS_URL: server.url,
      BOOTSTRAP_TOKEN: bootstrapToken,
      CI_JOB_JWT: jwt,
    });
  });

  afterAll(async () => {
    await server?.stop();
    await database?.drop();
    await issuer?.close();
    await oidc?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  test('can be typed from its beginning to its end', () => {
    expect(typed.code, `${typed.outputs.at(-1)}\n${typed.errors}`).toBe(0);
  });

  test.each(examples.flatMap((example, index) => (example.output === undefined ? [] : [{ ...example, index }])))(
    'under "$heading", block $index prints what stands below it',
    ({ index, output = '' }) => {
      const printed = typed.outputs[index] ?? '';
      // The comparison of the texts is only for the eye: it shows what differs.
      if (!isAsPromised(output, printed)) expect(printed.trim()).toBe(output.trim());
    },
  );

  test('leaves out no route', async () => {
    const metrics = await fetch(`${server.url}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
    const counted = [...(await metrics.text()).matchAll(/^artifortress_http_request_duration_seconds_count\{(.*)\}/gm)];
    const requested = new Set(
      counted.map(([, labels = '']) => `${/method="(\w+)"/.exec(labels)?.[1]} ${/route="([^"]*)"/.exec(labels)?.[1]}`),
    );
    const routes = server.routeTable.routes
      .map(({ method, pattern }) => `${method} ${pattern}`)
      .filter((route) => !route.startsWith('HEAD ') && !PAGES.test(route));
    expect(routes.filter((route) => !requested.has(route))).toEqual([]);
  });
});
