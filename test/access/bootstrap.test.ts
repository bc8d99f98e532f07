import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/kernel/config.ts';
import { type RunningServer, startServer } from '../../src/main.ts';
import { readTrail } from '../audit/trail.ts';
import { expectError } from '../http/expect-error.ts';
import { suiteLogger } from '../support/suite-logger.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';

const TOKEN_REQUEST = { subject: 'root', scopes: ['repo:*:admin'], ttlMinutes: 60 };

describe('the bootstrap secret', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer();
  });

  afterAll(() => server.close());

  const issueWith = (secret: string, token: string | null) =>
    server.request('POST', '/v1/auth/pats', { token, headers: { 'x-bootstrap-token': secret }, json: TOKEN_REQUEST });

  test('issues a token of any scope without another token', async () => {
    const reply = await issueWith(server.bootstrapToken, null);
    expect(reply).toMatchObject({ status: 200, json: { subject: 'root', scopes: ['repo:*:admin'] } });
  });

  test('counts even beside a token that is not known', async () => {
    expect((await issueWith(server.bootstrapToken, 'nonsense')).status).toBe(200);
  });

  test('is the actor "bootstrap" of the token that it issued', async () => {
    const { json } = await issueWith(server.bootstrapToken, null);
    expect(await readTrail(server, { resourceId: json.tokenId })).toMatchObject([{ actor: 'bootstrap' }]);
  });

  test.each([
    ['a wrong one', 'wrong-wrong-wrong-wrong'],
    ['an empty one', ''],
    ['one with a letter too many', 'x'],
  ])('%s is a 401', async (_name, suffix) => {
    const secret = suffix === 'x' ? `${server.bootstrapToken}x` : suffix;
    expectError(await issueWith(secret, null), 401, 'unauthorized');
  });

  test('a wrong one is a 401 even beside a good token', async () => {
    expectError(await issueWith('wrong-wrong-wrong-wrong', server.adminToken), 401, 'unauthorized');
  });

  test('a wrong one beside a good token leaves a denial of "anonymous"', async () => {
    const reply = await issueWith('wrong-wrong-wrong-wrong', server.adminToken);
    const rows = await readTrail(server, { action: 'authz.denied' });
    expect(rows.find((row) => row.requestId === reply.headers.get('x-request-id'))).toMatchObject({
      actor: 'anonymous',
      resourceType: 'route',
      resourceId: 'POST /v1/auth/pats',
    });
  });

  test('neither it nor a token is a 401', async () => {
    expectError(
      await server.request('POST', '/v1/auth/pats', { token: null, json: TOKEN_REQUEST }),
      401,
      'unauthorized',
    );
  });

  test.each([
    ['GET', '/v1/auth/pats'],
    ['GET', '/v1/auth/whoami'],
    ['POST', '/v1/auth/pats/revoke'],
    ['POST', '/v1/repos'],
    ['GET', '/v1/audit'],
  ])('opens no other door: %s %s', async (method, path) => {
    const headers = { 'x-bootstrap-token': server.bootstrapToken };
    expectError(await server.request(method, path, { token: null, headers }), 401, 'unauthorized');
  });
});

describe('without a configured bootstrap secret', () => {
  let database: TestDatabase;
  let dataDirectory: string;
  let first: RunningServer;
  let second: RunningServer;
  let configured: RunningServer;
  let generated: string;

  const start = (bootstrapToken: string | undefined) =>
    startServer({
      settings: {
        ...loadConfig({}).settings,
        port: 0,
        databaseUrl: database.url,
        dataDirectory,
        worker: false,
        bootstrapToken,
      },
      log: suiteLogger(),
    });

  const statusWith = async (server: RunningServer, secret: string) => {
    const headers = { 'x-bootstrap-token': secret, 'content-type': 'application/json' };
    const body = JSON.stringify(TOKEN_REQUEST);
    return (await fetch(`${server.url}/v1/auth/pats`, { method: 'POST', headers, body })).status;
  };

  beforeAll(async () => {
    database = await createTestDatabase();
    dataDirectory = await mkdtemp(join(tmpdir(), 'artifortress-bootstrap-'));
    first = await start(undefined);
    generated = first.generatedBootstrapSecret ?? '';
    second = await start(undefined);
    configured = await start('a-configured-bootstrap-secret');
  });

  afterAll(async () => {
    await Promise.all([first.stop(), second.stop(), configured.stop()]);
    await database.drop();
    await rm(dataDirectory, { recursive: true, force: true });
  });

  test('the first start generates one that issues tokens', async () => {
    expect(await statusWith(first, generated)).toBe(200);
  });

  test('a later start shows none', () => {
    expect(second.generatedBootstrapSecret).toBeUndefined();
  });

  test('a later start takes the one that the first generated', async () => {
    expect(await statusWith(second, generated)).toBe(200);
  });

  test('the generated one is stored only as its hash', async () => {
    const rows = await first.services.db.query(sql<{ text: string }>`select i::text as text from installation i`);
    expect(rows.map((row) => row.text).join()).not.toContain(generated);
  });

  test('a configured one disables it', async () => {
    expect(await statusWith(configured, generated)).toBe(401);
  });

  test('racing first starts show one secret between them', async () => {
    const fresh = await createTestDatabase();
    const settings = { ...loadConfig({}).settings, port: 0, databaseUrl: fresh.url, dataDirectory, worker: false };
    const racers = await Promise.all(Array.from({ length: 4 }, () => startServer({ settings, log: suiteLogger() })));
    const shown = racers.filter((racer) => racer.generatedBootstrapSecret !== undefined);
    await Promise.all(racers.map((racer) => racer.stop()));
    await fresh.drop();
    expect(shown).toHaveLength(1);
  });
});
