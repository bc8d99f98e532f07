import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { issued, tokenIdOf } from '../access/tokens.ts';
import { type Reply, startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, uniqueBytes } from '../support/uploading.ts';
import { whileAuditRefuses } from './refuse-audit.ts';
import { readTrail, type TrailRow } from './trail.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { partUrlTtlSeconds: 60 } });
  await server.createRepository('apps');
});

afterAll(() => server.close());

const rowsOf = async (reply: Reply): Promise<TrailRow[]> => {
  const rows = await readTrail(server, { action: 'authz.denied' });
  return rows.filter((row) => row.requestId === reply.headers.get('x-request-id'));
};

describe('a denial leaves one row with route, actor and what was needed:', () => {
  test.each([
    ['read', 'GET', '/v1/repos/apps', 'GET /v1/repos/{repoKey}', 'read', 'apps'],
    [
      'read of a repository that is not there',
      'GET',
      '/v1/repos/nowhere',
      'GET /v1/repos/{repoKey}',
      'read',
      'nowhere',
    ],
    ['write', 'POST', '/v1/repos/apps/uploads', 'POST /v1/repos/{repoKey}/uploads', 'write', 'apps'],
    ['admin', 'GET', '/v1/repos/apps/bindings', 'GET /v1/repos/{repoKey}/bindings', 'admin', 'apps'],
    ['admin of everything', 'POST', '/v1/repos', 'POST /v1/repos', 'repo:*:admin', null],
    ['read of anything', 'GET', '/v1/repos', 'GET /v1/repos', 'read', null],
    ['the trail itself', 'GET', '/v1/audit', 'GET /v1/audit', 'repo:*:admin', null],
    ['metrics', 'GET', '/metrics', 'GET /metrics', 'repo:*:admin', null],
    ['a HEAD', 'HEAD', '/v1/repos/apps', 'HEAD /v1/repos/{repoKey}', 'read', 'apps'],
  ])('%s', async (_name, method, path, route, needed, repoKey) => {
    const token = await server.issueToken('mallory', ['repo:other:promote']);
    const reply = await server.request(method, path, { token });
    expect(await rowsOf(reply)).toMatchObject([
      {
        actor: 'mallory',
        resourceType: 'route',
        resourceId: route,
        repoKey,
        details: { needed: expect.stringContaining(needed) },
      },
    ]);
  });

  test('a token that is not known', async () => {
    const reply = await server.request('GET', '/v1/repos/apps', { token: 'aft_unknown' });
    expect(await rowsOf(reply)).toMatchObject([
      { actor: 'anonymous', resourceId: 'GET /v1/repos/{repoKey}', repoKey: null },
    ]);
  });

  test('a token of another scheme', async () => {
    const headers = { authorization: 'Basic cm9vdDpyb290' };
    const reply = await server.request('GET', '/v1/repos', { token: null, headers });
    expect(await rowsOf(reply)).toMatchObject([{ actor: 'anonymous', resourceId: 'GET /v1/repos' }]);
  });

  test('an expired token, by its subject', async () => {
    const token = await issued(server, { subject: 'late', scopes: ['repo:apps:read'], ttlMinutes: 5 });
    server.clock.advance({ seconds: 301 });
    const reply = await server.request('GET', '/v1/repos/apps', { token });
    expect(await rowsOf(reply)).toMatchObject([{ actor: 'late', details: { reason: 'expired' } }]);
  });

  test('a revoked token, by its subject', async () => {
    const token = await issued(server, { subject: 'ousted', scopes: ['repo:apps:read'] });
    await server.request('POST', '/v1/auth/pats/revoke', { json: { tokenId: await tokenIdOf(server, token) } });
    const reply = await server.request('GET', '/v1/repos/apps', { token });
    expect(await rowsOf(reply)).toMatchObject([{ actor: 'ousted', details: { reason: 'revoked' } }]);
  });

  test.each([
    ['forged', (url: URL) => url.searchParams.set('part', '2')],
    ['expired', () => server.clock.advance({ seconds: 61 })],
  ])('an uploadUrl that is %s', async (reason, spoil) => {
    const session = await createSession(server, 'apps', uniqueBytes());
    const signed = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    const url = new URL(signed.json.uploadUrl);
    spoil(url);
    const reply = await server.request('PUT', url.href, { token: null, body: 'x' });
    expect({ status: reply.status, rows: await rowsOf(reply) }).toMatchObject({
      status: 403,
      rows: [{ actor: 'anonymous', resourceId: 'PUT /v1/store/*', details: { reason } }],
    });
  });
});

test('a 401 without a token leaves no row', async () => {
  expect(await rowsOf(await server.request('GET', '/v1/repos', { token: null }))).toEqual([]);
});

test.each([
  ['404', 'GET', '/v1/repos/nowhere'],
  ['400', 'GET', '/v1/repos/no%20key'],
  ['404 of a route', 'GET', '/v1/nowhere'],
])('a %s leaves no row', async (_name, method, path) => {
  expect(await rowsOf(await server.request(method, path))).toEqual([]);
});

describe('where its row cannot be written', () => {
  test.each([
    ['a 403', 403, () => server.issueToken('mallory', ['repo:other:read'])],
    ['a 401', 401, () => Promise.resolve('aft_unknown')],
  ])('%s stands all the same', async (_name, status, tokenOf) => {
    const token = await tokenOf();
    const ask = () => server.request('GET', '/v1/repos/apps', { token });
    expect((await whileAuditRefuses(server, 'authz.denied', ask)).status).toBe(status);
  });
});

test('what was left out of a flood is counted also where no denial follows', async () => {
  const flooded = await startTestServer();
  const replica = await startTestServer({ database: flooded.database, dataDirectory: flooded.dataDirectory });
  const ask = () => replica.request('GET', '/v1/repos', { token: 'aft_unknown' });
  for (let sent = 0; sent < 260; sent += 20) await Promise.all(Array.from({ length: 20 }, ask));
  await replica.close();
  const written = (await readTrail(flooded, { action: 'authz.denied', actor: 'anonymous' })).length;
  const summaries = await readTrail(flooded, { action: 'authz.denied', actor: 'system' });
  const omitted = summaries.reduce((sum, row) => sum + Number(row.details.omitted), 0);
  expect({ some: omitted > 0, accounted: written + omitted }).toEqual({ some: true, accounted: 260 });
  await flooded.close();
});

describe('a flood of denials', () => {
  const FLOOD = 400;
  let flooded: TestServer;

  beforeAll(async () => {
    flooded = await startTestServer();
    for (let sent = 0; sent < FLOOD; sent += 20) {
      await Promise.all(
        Array.from({ length: 20 }, () => flooded.request('GET', '/v1/repos', { token: 'aft_unknown' })),
      );
    }
  });

  afterAll(() => flooded.close());

  test('is answered, bounded in rows, and accounted for', async () => {
    const status = (await flooded.request('GET', '/v1/repos', { token: 'aft_unknown' })).status;
    const written = (await readTrail(flooded, { action: 'authz.denied', actor: 'anonymous' })).length;
    flooded.clock.advance({ seconds: 60 });
    await flooded.request('GET', '/v1/repos', { token: 'aft_unknown' });
    const summaries = await readTrail(flooded, { action: 'authz.denied', actor: 'system' });
    const omitted = summaries.reduce((sum, row) => sum + Number(row.details.omitted), 0);
    expect({ status, bounded: written < FLOOD, accounted: written + omitted }).toEqual({
      status: 401,
      bounded: true,
      accounted: FLOOD + 1,
    });
  });
});
