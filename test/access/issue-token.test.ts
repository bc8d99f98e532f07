import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTrail } from '../audit/trail.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { bind, issue, issued, scopesOf } from './tokens.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  await server.createRepository('libs');
});

afterAll(() => server.close());

describe('an administrator', () => {
  test('issues a token of any scope for any subject', async () => {
    const reply = await issue(server, { subject: 'ci', scopes: ['repo:elsewhere:promote', 'repo:*:read'] });
    expect(reply.status).toBe(200);
    expect(reply.json).toEqual({
      tokenId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      token: expect.stringMatching(/^aft_/),
      subject: 'ci',
      scopes: ['repo:elsewhere:promote', 'repo:*:read'],
      expiresAtUtc: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
  });

  test('may let it live longer than the own token', async () => {
    const short = await server.issueToken('root', ['repo:*:admin'], 5);
    expect((await issue(server, { subject: 'ci', scopes: ['repo:*:read'], ttlMinutes: 1440 }, short)).status).toBe(200);
  });
});

test('admin on one repository is no administrator of tokens', async () => {
  const token = await server.issueToken('owner', ['repo:apps:admin']);
  expectError(await issue(server, { subject: 'ci', scopes: ['repo:apps:read'] }, token), 403, 'forbidden');
});

describe('the life of a token', () => {
  test('ends ttlMinutes after it was issued', async () => {
    const before = server.clock.now().getTime();
    const { json } = await issue(server, { subject: 'ci', scopes: ['repo:apps:read'], ttlMinutes: 7 });
    const after = server.clock.now().getTime();
    const issuedAt = Date.parse(json.expiresAtUtc) - 7 * 60_000;
    expect(issuedAt >= before && issuedAt <= after).toBe(true);
  });

  test.each([5, 1440])('may be %d minutes', async (ttlMinutes) => {
    expect((await issue(server, { subject: 'ci', scopes: ['repo:apps:read'], ttlMinutes })).status).toBe(200);
  });

  test.each([4, 1441, 0, -5, 5.5, 1e308, '60', null])('may not be %j minutes', async (ttlMinutes) => {
    const json = { subject: 'ci', scopes: ['repo:apps:read'], ttlMinutes };
    expectError(await server.request('POST', '/v1/auth/pats', { json }), 400, 'bad_request');
  });

  test('has to be said', async () => {
    const json = { subject: 'ci', scopes: ['repo:apps:read'] };
    expectError(await server.request('POST', '/v1/auth/pats', { json }), 400, 'bad_request');
  });

  test('has the upper bound of the setting', async () => {
    const patient = await startTestServer({ settings: { tokenMaximumTtlMinutes: 2000 } });
    const ask = (ttlMinutes: number) => issue(patient, { subject: 'ci', scopes: ['repo:apps:read'], ttlMinutes });
    const statuses = [(await ask(2000)).status, (await ask(2001)).status];
    await patient.close();
    expect(statuses).toEqual([200, 400]);
  });
});

describe('scopes', () => {
  test('are trimmed and lowercased', async () => {
    const { json } = await issue(server, { subject: 'ci', scopes: [' REPO:Apps:READ '] });
    expect(json.scopes).toEqual(['repo:apps:read']);
  });

  test('count as they were normalised', async () => {
    const token = await issued(server, { subject: 'ci', scopes: ['Repo:APPS:Read'] });
    expect((await server.request('GET', '/v1/repos/apps', { token })).status).toBe(200);
  });

  test.each([
    ['no role', 'repo:apps'],
    ['an empty role', 'repo:apps:'],
    ['an unknown role', 'repo:apps:owner'],
    ['no repository', 'repo::read'],
    ['a wildcard inside of a key', 'repo:ap*:read'],
    ['a slash in the key', 'repo:a/b:read'],
    ['a key that starts with a dot', 'repo:.apps:read'],
    ['a key of 65 characters', `repo:${'a'.repeat(65)}:read`],
    ['another kind', 'token:apps:read'],
    ['one piece too many', 'repo:apps:read:write'],
    ['nothing', ''],
    ['a NUL', 'repo:apps\u0000:read'],
  ])('with %s are a 400', async (_name, scope) => {
    expectError(await issue(server, { subject: 'ci', scopes: [scope] }), 400, 'bad_request');
  });

  test.each([
    { scopes: 'repo:apps:read' },
    { scopes: 7 },
    { scopes: null },
    { scopes: [7] },
    { scopes: [null] },
    { scopes: [['repo:apps:read']] },
    { scopes: {} },
    {},
  ])('%j instead of a list of texts is a 400', async (given) => {
    const json = { subject: 'ci', ttlMinutes: 30, ...given };
    expectError(await server.request('POST', '/v1/auth/pats', { json }), 400, 'bad_request');
  });

  test('are limited in number', async () => {
    const scopes = Array.from({ length: 101 }, (_, index) => `repo:r${index}:read`);
    expectError(await issue(server, { subject: 'ci', scopes }), 400, 'bad_request');
  });
});

describe('empty scopes', () => {
  test("derive from the subject's bindings", async () => {
    await bind(server, 'apps', 'derived', ['read', 'promote']);
    await bind(server, 'libs', 'derived', ['write']);
    const { json } = await issue(server, { subject: 'derived', scopes: [] });
    expect(json.scopes).toEqual(['repo:apps:promote', 'repo:apps:read', 'repo:libs:write']);
  });

  test('are what the token then has', async () => {
    await bind(server, 'apps', 'derived-too', ['write']);
    const token = await issued(server, { subject: 'derived-too', scopes: [] });
    expect(await scopesOf(server, token)).toEqual(['repo:apps:write']);
  });

  test('are a 400 where nothing is bound to the subject', async () => {
    expectError(await issue(server, { subject: 'nobody', scopes: [] }), 400, 'bad_request');
  });

  test('are a 400 where only other subjects have bindings of a name that starts alike', async () => {
    await bind(server, 'apps', 'prefix-and-more', ['read']);
    expectError(await issue(server, { subject: 'prefix', scopes: [] }), 400, 'bad_request');
  });
});

describe('the subject', () => {
  test('is trimmed and lowercased', async () => {
    expect((await issue(server, { subject: ' Alice@Example.COM ', scopes: ['repo:apps:read'] })).json.subject).toBe(
      'alice@example.com',
    );
  });

  test('may have 256 characters', async () => {
    expect((await issue(server, { subject: 's'.repeat(256), scopes: ['repo:apps:read'] })).status).toBe(200);
  });

  test.each([
    ['empty', ''],
    ['blank', '   '],
    ['257 characters long', 's'.repeat(257)],
    ['with a line break', 'a\nb'],
    ['with a NUL', 'a\u0000b'],
    ['with an escape', 'a\u001b[31m'],
    ['with half of a surrogate pair', 'a\ud800b'],
  ])('%s is a 400', async (_name, subject) => {
    expectError(await issue(server, { subject, scopes: ['repo:apps:read'] }), 400, 'bad_request');
  });
});

test('a refused request issues nothing', async () => {
  const count = async () => (await readTrail(server, { action: 'auth.pat.issued' })).length;
  const before = await count();
  await issue(server, { subject: 'nobody', scopes: [] });
  expect(await count()).toBe(before);
});

describe('the secret', () => {
  test('is aft_, 43 characters of base64url and their CRC-32', async () => {
    const token = await issued(server, { subject: 'ci', scopes: ['repo:apps:read'] });
    const [, body = '', checksum] = /^aft_([A-Za-z0-9_-]{43})([A-Za-z0-9_-]{6})$/.exec(token) ?? [];
    const expected = Buffer.alloc(4);
    expected.writeUInt32BE(crc32(body));
    expect(checksum).toBe(expected.toString('base64url'));
  });

  test('is stored nowhere', async () => {
    const token = await issued(server, { subject: 'ci', scopes: ['repo:apps:read'] });
    const dump = await dumpDatabase();
    expect(dump.includes(token) || dump.includes(token.slice(4, 47))).toBe(false);
  });

  test('is stored as its SHA-256', async () => {
    const token = await issued(server, { subject: 'ci', scopes: ['repo:apps:read'] });
    expect(await dumpDatabase()).toContain(createHash('sha256').update(token).digest('hex'));
  });

  /** Every row of every table as text. */
  async function dumpDatabase(): Promise<string> {
    const { db } = server.running.services;
    const tables = await db.query(
      sql<{ name: string }>`select table_name as name from information_schema.tables where table_schema = 'public'`,
    );
    const rows = await Promise.all(
      tables.map(({ name }) => db.query(sql<{ text: string }>`select t::text as text from ${sql.table(name)} t`)),
    );
    return rows
      .flat()
      .map((row) => row.text)
      .join('\n');
  }
});

test.each(['system', ' System ', 'anonymous', 'bootstrap'])(
  'nobody gets a token in the name %j, under which the trail writes by itself',
  async (subject) => {
    const body = { subject, scopes: ['repo:apps:read'] };
    expectError(await issue(server, body), 400, 'bad_request');
    const headers = { 'x-bootstrap-token': server.bootstrapToken };
    const json = { ...body, ttlMinutes: 5 };
    const reply = await server.request('POST', '/v1/auth/pats', { token: null, headers, json });
    expectError(reply, 400, 'bad_request');
  },
);
