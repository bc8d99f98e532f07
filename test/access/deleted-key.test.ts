import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { bind, issue, issued, scopesOf } from './tokens.ts';

let server: TestServer;
let nextKey = 0;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

async function freshRepository(): Promise<string> {
  nextKey += 1;
  await server.createRepository(`key-${nextKey}`);
  return `key-${nextKey}`;
}

async function deleteAndRecreate(repoKey: string): Promise<void> {
  await server.request('DELETE', `/v1/repos/${repoKey}`);
  await server.createRepository(repoKey);
}

const read = async (repoKey: string, token: string) =>
  (await server.request('GET', `/v1/repos/${repoKey}`, { token })).status;

describe('a scope on a key that was deleted since does not match the new repository of that key', () => {
  test('where it is explicit', async () => {
    const repoKey = await freshRepository();
    const token = await server.issueToken('alice', [`repo:${repoKey}:admin`]);
    const before = await read(repoKey, token);
    await deleteAndRecreate(repoKey);
    expect([before, await read(repoKey, token)]).toEqual([200, 403]);
  });

  test('where it was narrowed', async () => {
    const repoKey = await freshRepository();
    const parent = await server.issueToken('alice', [`repo:${repoKey}:admin`], 60);
    const narrowed = await issued(server, { subject: 'alice', scopes: [`repo:${repoKey}:read`] }, parent);
    await deleteAndRecreate(repoKey);
    expect(await read(repoKey, narrowed)).toBe(403);
  });

  test('where it was narrowed from a wildcard before', async () => {
    const repoKey = await freshRepository();
    const parent = await server.issueToken('alice', ['repo:*:read'], 60);
    const narrowed = await issued(server, { subject: 'alice', scopes: [`repo:${repoKey}:read`] }, parent);
    await deleteAndRecreate(repoKey);
    expect(await read(repoKey, narrowed)).toBe(403);
  });

  test('where it caps what bindings give, and the new repository binds the subject again', async () => {
    const repoKey = await freshRepository();
    await bind(server, repoKey, 'derek', ['admin']);
    const derived = await server.issueToken('derek', [], 60);
    const capped = await issued(server, { subject: 'derek', scopes: [`repo:${repoKey}:read`] }, derived);
    await deleteAndRecreate(repoKey);
    await bind(server, repoKey, 'derek', ['admin']);
    expect(await scopesOf(server, capped)).toEqual([]);
  });

  test('where a token that lost its scope asks for it anew', async () => {
    const repoKey = await freshRepository();
    const token = await server.issueToken('alice', [`repo:${repoKey}:admin`, 'repo:other:read'], 60);
    await deleteAndRecreate(repoKey);
    expect((await issue(server, { subject: 'alice', scopes: [`repo:${repoKey}:read`] }, token)).status).toBe(403);
  });

  test('where a reader lists the repositories', async () => {
    const repoKey = await freshRepository();
    const token = await server.issueToken('alice', [`repo:${repoKey}:read`, 'repo:other:read']);
    await deleteAndRecreate(repoKey);
    expect((await server.request('GET', '/v1/repos', { token })).json.items).toEqual([]);
  });
});

test('a binding of the deleted repository is none of the new one', async () => {
  const repoKey = await freshRepository();
  await bind(server, repoKey, 'derek', ['admin']);
  await deleteAndRecreate(repoKey);
  expect((await server.request('GET', `/v1/repos/${repoKey}/bindings`)).json.items).toEqual([]);
});

describe('still good after the deletion of a key are', () => {
  test('scopes on every repository', async () => {
    const repoKey = await freshRepository();
    const token = await server.issueToken('alice', ['repo:*:read']);
    await deleteAndRecreate(repoKey);
    expect(await read(repoKey, token)).toBe(200);
  });

  test('the scopes of the same token on other keys', async () => {
    const [repoKey, other] = [await freshRepository(), await freshRepository()];
    const token = await server.issueToken('alice', [`repo:${repoKey}:read`, `repo:${other}:read`]);
    await deleteAndRecreate(repoKey);
    expect(await scopesOf(server, token)).toEqual([`repo:${other}:read`]);
  });

  test('scopes on a key that merely starts alike', async () => {
    const repoKey = await freshRepository();
    await server.createRepository(`${repoKey}-too`);
    const token = await server.issueToken('alice', [`repo:${repoKey}-too:read`]);
    await deleteAndRecreate(repoKey);
    expect(await read(`${repoKey}-too`, token)).toBe(200);
  });

  test('scopes issued before the key was first created', async () => {
    nextKey += 1;
    const token = await server.issueToken('alice', [`repo:key-${nextKey}:read`]);
    await server.createRepository(`key-${nextKey}`);
    expect(await read(`key-${nextKey}`, token)).toBe(200);
  });

  test('scopes issued between the deletion and the new repository', async () => {
    const repoKey = await freshRepository();
    await server.request('DELETE', `/v1/repos/${repoKey}`);
    const token = await server.issueToken('alice', [`repo:${repoKey}:read`]);
    await server.createRepository(repoKey);
    expect(await read(repoKey, token)).toBe(200);
  });

  test('scopes issued after it', async () => {
    const repoKey = await freshRepository();
    await deleteAndRecreate(repoKey);
    const token = await server.issueToken('alice', [`repo:${repoKey}:read`]);
    expect(await read(repoKey, token)).toBe(200);
  });

  test('scopes narrowed after it from an older wildcard', async () => {
    const repoKey = await freshRepository();
    const wildcard = await server.issueToken('alice', ['repo:*:write'], 60);
    await deleteAndRecreate(repoKey);
    const narrowed = await issued(server, { subject: 'alice', scopes: [`repo:${repoKey}:read`] }, wildcard);
    expect(await read(repoKey, narrowed)).toBe(200);
  });

  test('scopes narrowed after it from an older token whose subject the new repository binds', async () => {
    const repoKey = await freshRepository();
    await bind(server, repoKey, 'derek', ['write']);
    const derived = await server.issueToken('derek', [], 60);
    await deleteAndRecreate(repoKey);
    await bind(server, repoKey, 'derek', ['write']);
    const narrowed = await issued(server, { subject: 'derek', scopes: [`repo:${repoKey}:read`] }, derived);
    expect(await read(repoKey, narrowed)).toBe(200);
  });

  test('derived scopes, once the new repository binds the subject', async () => {
    const repoKey = await freshRepository();
    await bind(server, repoKey, 'diana', ['write']);
    const derived = await server.issueToken('diana', [], 60);
    await deleteAndRecreate(repoKey);
    await bind(server, repoKey, 'diana', ['read']);
    expect(await scopesOf(server, derived)).toEqual([`repo:${repoKey}:read`]);
  });
});

test('deleting a key again voids the scopes issued after its first deletion', async () => {
  const repoKey = await freshRepository();
  await deleteAndRecreate(repoKey);
  const token = await server.issueToken('alice', [`repo:${repoKey}:read`]);
  await deleteAndRecreate(repoKey);
  expect(await read(repoKey, token)).toBe(403);
});
