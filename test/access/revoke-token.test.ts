import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTrail } from '../audit/trail.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { issue, scopesOf, tokenIdOf } from './tokens.ts';

let server: TestServer;
let replica: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  const { clock, database, dataDirectory } = server;
  replica = await startTestServer({ clock, database, dataDirectory });
});

afterAll(async () => {
  await replica.close();
  await server.close();
});

async function freshToken(subject = 'alice') {
  const token = await server.issueToken(subject, ['repo:apps:read']);
  return { token, tokenId: await tokenIdOf(server, token) };
}

const revoke = (tokenId: unknown, token?: string, on = server) =>
  on.request('POST', '/v1/auth/pats/revoke', { json: { tokenId }, ...(token === undefined ? {} : { token }) });

const rowsOf = (tokenId: string) => readTrail(server, { action: 'auth.pat.revoked', resourceId: tokenId });

test('an administrator revokes any token', async () => {
  const { tokenId } = await freshToken();
  const reply = await revoke(tokenId);
  expect({ status: reply.status, body: reply.json }).toEqual({ status: 200, body: { tokenId, status: 'revoked' } });
});

test('a token revokes itself', async () => {
  const { token, tokenId } = await freshToken();
  expect((await revoke(tokenId, token)).status).toBe(200);
});

test('a token revokes another one of its subject', async () => {
  const [{ tokenId }, { token }] = [await freshToken(), await freshToken()];
  expect((await revoke(tokenId, token)).status).toBe(200);
});

test('an id is taken in capital letters too', async () => {
  const { tokenId } = await freshToken();
  expect((await revoke(tokenId.toUpperCase())).json.tokenId).toBe(tokenId);
});

test('a revoked token is a 401 on the very next request', async () => {
  const { token, tokenId } = await freshToken();
  await revoke(tokenId);
  expectError(await server.request('GET', '/v1/auth/whoami', { token }), 401, 'unauthorized');
});

test('a revoked token is a 401 on the very next request to another replica that knew it', async () => {
  const { token, tokenId } = await freshToken();
  await replica.request('GET', '/v1/auth/whoami', { token });
  await revoke(tokenId);
  expectError(await replica.request('GET', '/v1/auth/whoami', { token }), 401, 'unauthorized');
});

test('an expired token can still be revoked', async () => {
  const token = await server.issueToken('alice', ['repo:apps:read'], 5);
  const tokenId = await tokenIdOf(server, token);
  server.clock.advance({ seconds: 301 });
  expect((await revoke(tokenId)).status).toBe(200);
});

describe("somebody else's token", () => {
  test('is a 403', async () => {
    const { tokenId } = await freshToken('bob');
    expectError(await revoke(tokenId, (await freshToken()).token), 403, 'forbidden');
  });

  test('stays good after the refusal', async () => {
    const { token, tokenId } = await freshToken('bob');
    await revoke(tokenId, (await freshToken()).token);
    expect(await scopesOf(server, token)).toEqual(['repo:apps:read']);
  });

  test('is a 403 even for the administrator of a repository', async () => {
    const { tokenId } = await freshToken('bob');
    const owner = await server.issueToken('owner', ['repo:apps:admin']);
    expectError(await revoke(tokenId, owner), 403, 'forbidden');
  });

  test('and none at all look the same to one who may not revoke it', async () => {
    const { token } = await freshToken();
    const { tokenId } = await freshToken('bob');
    const [foreign, none] = [await revoke(tokenId, token), await revoke(crypto.randomUUID(), token)];
    expect({ ...none.json, requestId: '' }).toEqual({ ...foreign.json, requestId: '' });
  });

  test('leaves the row of the refusal', async () => {
    const { tokenId } = await freshToken('bob');
    const reply = await revoke(tokenId, (await freshToken('mallory')).token);
    expect(await readTrail(server, { action: 'authz.denied', actor: 'mallory' })).toMatchObject([
      { resourceId: 'POST /v1/auth/pats/revoke', requestId: reply.headers.get('x-request-id') },
    ]);
  });
});

test('an unknown id is a 404 to an administrator', async () => {
  expectError(await revoke(crypto.randomUUID()), 404, 'not_found');
});

test.each(['', 'no-uuid', 7, null, 'aft_x', '00000000-0000-0000-0000-00000000000g'])(
  'the id %j is a 400',
  async (id) => {
    expectError(await revoke(id), 400, 'bad_request');
  },
);

test('without a token it is a 401', async () => {
  const { tokenId } = await freshToken();
  const json = { tokenId };
  expectError(await server.request('POST', '/v1/auth/pats/revoke', { token: null, json }), 401, 'unauthorized');
});

describe('repeated', () => {
  test('it answers the same 200', async () => {
    const { tokenId } = await freshToken();
    const [first, second] = [await revoke(tokenId), await revoke(tokenId)];
    expect({ status: second.status, body: second.json }).toEqual({ status: 200, body: first.json });
  });

  test('it writes no second row', async () => {
    const { tokenId } = await freshToken();
    await revoke(tokenId);
    await revoke(tokenId);
    expect(await rowsOf(tokenId)).toHaveLength(1);
  });

  test('ten times at once on two replicas it answers 200 each time and writes one row', async () => {
    const { tokenId } = await freshToken();
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, index) => revoke(tokenId, undefined, index % 2 === 0 ? server : replica)),
    );
    expect({ statuses: new Set(replies.map((reply) => reply.status)), rows: (await rowsOf(tokenId)).length }).toEqual({
      statuses: new Set([200]),
      rows: 1,
    });
  });
});

test('tokens narrowed while their origin is being revoked do not outlive it', async () => {
  const { token, tokenId } = await freshToken();
  const child = () => issue(server, { subject: 'alice', scopes: ['repo:apps:read'], ttlMinutes: 5 }, token);
  const [, ...children] = await Promise.all([revoke(tokenId), ...Array.from({ length: 10 }, child)]);
  const secrets = children.filter((reply) => reply.status === 200).map((reply) => String(reply.json.token));
  const alive = await Promise.all(secrets.map((secret) => scopesOf(server, secret)));
  expect(alive.filter((scopes) => scopes !== undefined)).toEqual([]);
});
