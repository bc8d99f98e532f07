import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Role } from '../../src/access/model.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { scopesOf } from './tokens.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  await server.createRepository('libs');
});

afterAll(() => server.close());

/** A route that needs the role, as a request that succeeds with it. */
const REQUESTS = {
  read: (token: string) => server.request('GET', '/v1/repos/apps', { token }),
  write: (token: string) => {
    const json = { expectedDigest: sha256(uniqueBytes(10)), expectedLength: 10 };
    return server.request('POST', '/v1/repos/apps/uploads', { token, json });
  },
  admin: (token: string) => server.request('GET', '/v1/repos/apps/bindings', { token }),
  // No route needs promote yet: whoever has it may hand it on.
  promote: (token: string) => {
    const json = { subject: 'someone', scopes: ['repo:apps:promote'], ttlMinutes: 5 };
    return server.request('POST', '/v1/auth/pats', { token, json });
  },
} satisfies Record<Role, unknown>;

/** The contract: "`admin` implies all four; `write` implies `read`; `promote` implies only itself." */
const IMPLIED: Record<Role, Role[]> = {
  read: ['read'],
  write: ['read', 'write'],
  admin: ['read', 'write', 'admin', 'promote'],
  promote: ['promote'],
};

const ROLES = ['read', 'write', 'admin', 'promote'] as const satisfies Role[];
const PAIRS = ROLES.flatMap((held) =>
  ROLES.map((needed) => ({ held, needed, allowed: IMPLIED[held].includes(needed) })),
);

describe.each(PAIRS)('a token with $held where $needed is needed', ({ held, needed, allowed }) => {
  const verdict = allowed ? 'is let in' : 'is a 403';
  const statusWith = async (scope: string) =>
    (await REQUESTS[needed](await server.issueToken('someone', [scope]))).status;

  test(`on the repository, ${verdict}`, async () => {
    expect((await statusWith(`repo:apps:${held}`)) < 300 ? 'is let in' : 'is a 403').toBe(verdict);
  });

  test(`on every repository, ${verdict}`, async () => {
    expect((await statusWith(`repo:*:${held}`)) < 300 ? 'is let in' : 'is a 403').toBe(verdict);
  });

  test('on another repository, is a 403', async () => {
    expect(await statusWith(`repo:libs:${held}`)).toBe(403);
  });
});

test('scopes add up', async () => {
  const token = await server.issueToken('someone', ['repo:apps:read', 'repo:*:promote']);
  expect([(await REQUESTS.read(token)).status, (await REQUESTS.promote(token)).status]).toEqual([200, 200]);
});

test('a scope on a key is none on a key that starts with it', async () => {
  await server.createRepository('apps-too');
  const token = await server.issueToken('someone', ['repo:apps:read']);
  expect((await server.request('GET', '/v1/repos/apps-too', { token })).status).toBe(403);
});

test('the key in a path is lowercased before scopes are matched', async () => {
  const token = await server.issueToken('someone', ['repo:apps:read']);
  expect((await server.request('GET', '/v1/repos/APPS', { token })).status).toBe(200);
});

test.each([
  ['POST', '/v1/repos'],
  ['GET', '/v1/audit'],
  ['GET', '/v1/auth/pats'],
])('admin on one repository is not enough for %s %s', async (method, path) => {
  const token = await server.issueToken('someone', ['repo:apps:admin']);
  expect((await server.request(method, path, { token })).status).toBe(403);
});

test('whoami shows the scopes as they were asked for', async () => {
  const scopes = ['repo:libs:admin', 'repo:apps:read', 'repo:*:promote'];
  expect(await scopesOf(server, await server.issueToken('someone', scopes))).toEqual(scopes);
});
