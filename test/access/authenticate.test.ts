import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { issue, issued } from './tokens.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

const whoami = (authorization: string) =>
  server.request('GET', '/v1/auth/whoami', { token: null, headers: { authorization } });

test('whoami tells subject, scopes, token id and expiry', async () => {
  const { json } = await issue(server, { subject: 'alice', scopes: ['repo:apps:write'] });
  const reply = await whoami(`Bearer ${json.token}`);
  expect(reply.json).toEqual({
    subject: 'alice',
    scopes: ['repo:apps:write'],
    tokenId: json.tokenId,
    expiresAtUtc: json.expiresAtUtc,
  });
});

test('the scheme is read in any case', async () => {
  expect((await whoami(`bEaReR ${server.adminToken}`)).status).toBe(200);
});

test('a token is good until its last moment and a 401 from then on', async () => {
  const token = await issued(server, { subject: 'alice', scopes: ['repo:apps:read'], ttlMinutes: 5 });
  server.clock.advance({ seconds: 290 });
  const before = await whoami(`Bearer ${token}`);
  server.clock.advance({ seconds: 10 });
  const after = await whoami(`Bearer ${token}`);
  expect([before.status, after.status]).toEqual([200, 401]);
});

test('a 401 says how to come back', async () => {
  const reply = await server.request('GET', '/v1/auth/whoami', { token: null });
  expect(reply.headers.get('www-authenticate')).toBe('Bearer');
});

describe('a 401 is the answer to', () => {
  test('no token', async () => {
    expectError(await server.request('GET', '/v1/auth/whoami', { token: null }), 401, 'unauthorized');
  });

  test.each([
    ['another scheme', () => 'Basic cm9vdDpyb290'],
    ['the scheme alone', () => 'Bearer'],
    ['a token without its scheme', () => server.adminToken],
    ['two tokens', () => `Bearer ${server.adminToken} ${server.adminToken}`],
    ['a token in capital letters', () => `Bearer ${server.adminToken.toUpperCase()}`],
    ['a token cut short', () => `Bearer ${server.adminToken.slice(0, -1)}`],
    ['a token with a letter more', () => `Bearer ${server.adminToken}A`],
    ['a token with another checksum', () => `Bearer ${server.adminToken.slice(0, -6)}AAAAAA`],
    ['a well-formed token that nobody issued', () => `Bearer aft_${'A'.repeat(43)}fAzv3A`],
    ['the bootstrap secret as a token', () => `Bearer ${server.bootstrapToken}`],
    ['a token of 10,000 characters', () => `Bearer aft_${'A'.repeat(10_000)}`],
  ])('%s', async (_name, authorization) => {
    expectError(await whoami(authorization()), 401, 'unauthorized');
  });
});
