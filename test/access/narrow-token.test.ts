import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTrail } from '../audit/trail.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { bind, issue, issued, scopesOf, tokenIdOf } from './tokens.ts';

let server: TestServer;
let alice: string;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  await server.createRepository('libs');
  alice = await server.issueToken('alice', ['repo:apps:write', 'repo:libs:admin'], 60);
  await bind(server, 'apps', 'derek', ['admin']);
  await bind(server, 'libs', 'derek', ['read']);
});

afterAll(() => server.close());

describe('a token issues for its own subject', () => {
  test.each([
    ['its own scope', ['repo:apps:write']],
    ['all of its scopes', ['repo:apps:write', 'repo:libs:admin']],
    ['the read that write implies', ['repo:apps:read']],
    ['the promote that admin implies', ['repo:libs:promote']],
    ['the write that admin implies', ['repo:libs:write']],
  ])('%s', async (_name, scopes) => {
    const token = await issued(server, { subject: 'alice', scopes }, alice);
    expect(await scopesOf(server, token)).toEqual(scopes);
  });

  test('one repository under a wildcard', async () => {
    const wide = await server.issueToken('walter', ['repo:*:write'], 60);
    const token = await issued(server, { subject: 'walter', scopes: ['repo:apps:read'] }, wide);
    expect(await scopesOf(server, token)).toEqual(['repo:apps:read']);
  });

  test('in its own name, whatever the case of the letters', async () => {
    expect((await issue(server, { subject: ' ALICE ', scopes: ['repo:apps:read'] }, alice)).status).toBe(200);
  });
});

describe('a token may not issue', () => {
  test.each([
    ['a higher role', ['repo:apps:admin']],
    ['a role beside its own', ['repo:apps:promote']],
    ['another repository', ['repo:other:read']],
    ['every repository', ['repo:*:read']],
    ['one scope too many', ['repo:apps:write', 'repo:other:read']],
  ])('%s', async (_name, scopes) => {
    expectError(await issue(server, { subject: 'alice', scopes }, alice), 403, 'forbidden');
  });

  test('for another subject', async () => {
    expectError(await issue(server, { subject: 'bob', scopes: ['repo:apps:read'] }, alice), 403, 'forbidden');
  });

  test('a later expiry than its own', async () => {
    const body = { subject: 'alice', scopes: ['repo:apps:read'], ttlMinutes: 61 };
    expectError(await issue(server, body, alice), 403, 'forbidden');
  });

  test('what a narrowed token has lost', async () => {
    const narrowed = await issued(server, { subject: 'alice', scopes: ['repo:apps:read'] }, alice);
    const wider = { subject: 'alice', scopes: ['repo:apps:write'], ttlMinutes: 10 };
    expectError(await issue(server, wider, narrowed), 403, 'forbidden');
  });

  test('derived scopes where its own are explicit, even with bindings there', async () => {
    const explicit = await server.issueToken('derek', ['repo:libs:read'], 60);
    expectError(await issue(server, { subject: 'derek', scopes: [] }, explicit), 403, 'forbidden');
  });

  test('derived scopes where its own are a narrowed part of the bindings', async () => {
    const derived = await server.issueToken('derek', [], 60);
    const narrowed = await issued(server, { subject: 'derek', scopes: ['repo:apps:read'] }, derived);
    expectError(await issue(server, { subject: 'derek', scopes: [], ttlMinutes: 10 }, narrowed), 403, 'forbidden');
  });

  test.each([
    ['a higher role', { subject: 'alice', scopes: ['repo:apps:admin'] }],
    ['for another subject', { subject: 'bob', scopes: ['repo:apps:read'] }],
    ['a later expiry', { subject: 'alice', scopes: ['repo:apps:read'], ttlMinutes: 61 }],
  ])('%s: the refusal leaves its row', async (_name, body) => {
    const reply = await issue(server, body, alice);
    const rows = await readTrail(server, { action: 'authz.denied', actor: 'alice' });
    expect(rows.filter((row) => row.requestId === reply.headers.get('x-request-id'))).toMatchObject([
      { resourceType: 'route', resourceId: 'POST /v1/auth/pats' },
    ]);
  });

  test('anything wider without leaving the token behind: a refusal issues none', async () => {
    const count = async () => (await readTrail(server, { action: 'auth.pat.issued' })).length;
    const before = await count();
    await issue(server, { subject: 'alice', scopes: ['repo:*:admin'] }, alice);
    expect(await count()).toBe(before);
  });
});

describe('a token with derived scopes', () => {
  test('issues another one that derives', async () => {
    const derived = await server.issueToken('derek', [], 60);
    const token = await issued(server, { subject: 'derek', scopes: [] }, derived);
    expect(await scopesOf(server, token)).toEqual(['repo:apps:admin', 'repo:libs:read']);
  });

  test('issues a narrowed one', async () => {
    const derived = await server.issueToken('derek', [], 60);
    const token = await issued(server, { subject: 'derek', scopes: ['repo:apps:write'] }, derived);
    expect(await scopesOf(server, token)).toEqual(['repo:apps:write']);
  });

  test('issues none wider than the bindings', async () => {
    const derived = await server.issueToken('derek', [], 60);
    expectError(await issue(server, { subject: 'derek', scopes: ['repo:libs:write'] }, derived), 403, 'forbidden');
  });
});

test('a narrowed token is refused once the one that it came from was revoked', async () => {
  const parent = await server.issueToken('alice', ['repo:apps:write'], 60);
  const child = await issued(server, { subject: 'alice', scopes: ['repo:apps:read'] }, parent);
  const grandchild = await issued(server, { subject: 'alice', scopes: ['repo:apps:read'], ttlMinutes: 10 }, child);
  await server.request('POST', '/v1/auth/pats/revoke', { json: { tokenId: await tokenIdOf(server, parent) } });
  expect([await scopesOf(server, child), await scopesOf(server, grandchild)]).toEqual([undefined, undefined]);
});

test('a token is narrowed sixteen times in a row and no more: each of them is looked up whenever the last is used', async () => {
  let token = await server.issueToken('alice', ['repo:apps:write'], 60);
  for (let narrowed = 0; narrowed < 16; narrowed += 1) {
    const body = { subject: 'alice', scopes: ['repo:apps:write'], ttlMinutes: 59 - narrowed };
    token = await issued(server, body, token);
  }
  expect(await scopesOf(server, token)).toEqual(['repo:apps:write']);
  const seventeenth = { subject: 'alice', scopes: ['repo:apps:write'], ttlMinutes: 5 };
  expectError(await issue(server, seventeenth, token), 403, 'forbidden');
});
