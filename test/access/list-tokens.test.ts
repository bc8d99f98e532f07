import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { tokenIdOf } from './tokens.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

interface Listed {
  tokenId: string;
  lastUsedAtUtc: string | null;
  revokedAtUtc: string | null;
}

const list = async (query = '') => (await server.request('GET', `/v1/auth/pats${query}`)).json;
const listed = async (tokenId: string): Promise<Listed | undefined> =>
  (await list('?limit=500')).items.find((item: Listed) => item.tokenId === tokenId);

test('a token is listed with its subject, scopes and times, and without its secret', async () => {
  const token = await server.issueToken('alice', ['repo:apps:read']);
  const tokenId = await tokenIdOf(server, token);
  expect(await listed(tokenId)).toEqual({
    tokenId,
    subject: 'alice',
    scopes: ['repo:apps:read'],
    fromBindings: false,
    issuedAtUtc: expect.stringMatching(/Z$/),
    issuedBy: 'bootstrap',
    expiresAtUtc: expect.stringMatching(/Z$/),
    revokedAtUtc: null,
    lastUsedAtUtc: null,
  });
});

test('no secret and no hash of one is in the whole list', async () => {
  await server.issueToken('alice', ['repo:apps:read']);
  const reply = await server.request('GET', '/v1/auth/pats?limit=500');
  expect(reply.bytes.toString()).not.toMatch(/aft_|sha256/i);
});

test('a revoked token is listed with the moment of it', async () => {
  const tokenId = await tokenIdOf(server, await server.issueToken('alice', ['repo:apps:read']));
  await server.request('POST', '/v1/auth/pats/revoke', { json: { tokenId } });
  expect((await listed(tokenId))?.revokedAtUtc).toMatch(/Z$/);
});

test('the last use of a token is known once the process that saw it has written it down', async () => {
  const { clock, database, dataDirectory } = server;
  const replica = await startTestServer({ clock, database, dataDirectory });
  const token = await server.issueToken('alice', ['repo:apps:read']);
  const tokenId = await tokenIdOf(replica, token);
  await replica.close();
  expect((await listed(tokenId))?.lastUsedAtUtc).toMatch(/Z$/);
});

test('pages show every token once, newest first', async () => {
  for (let count = 0; count < 5; count += 1) {
    // Ids sort by the millisecond that they were made in.
    server.clock.advance({ seconds: 1 });
    await server.issueToken(`pager-${count}`, ['repo:apps:read']);
  }
  const whole: Listed[] = (await list('?limit=500')).items;
  const paged: Listed[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await list(`?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
    paged.push(...page.items);
    cursor = page.nextCursor;
  }
  expect(paged.map((item) => item.tokenId)).toEqual(whole.map((item) => item.tokenId));
});

test('newer tokens come first', async () => {
  server.clock.advance({ seconds: 1 });
  const tokenId = await tokenIdOf(server, await server.issueToken('newest', ['repo:apps:read']));
  expect((await list('?limit=1')).items).toMatchObject([{ tokenId }]);
});

test('a full last page ends the list', async () => {
  const { items } = await list('?limit=500');
  expect((await list(`?limit=${items.length}`)).nextCursor).toBeNull();
});

test.each([
  ['read on everything', ['repo:*:read']],
  ['write on everything', ['repo:*:write']],
  ['admin of one repository', ['repo:apps:admin']],
])('%s may not list tokens', async (_name, scopes) => {
  const token = await server.issueToken('alice', scopes);
  expectError(await server.request('GET', '/v1/auth/pats', { token }), 403, 'forbidden');
});
