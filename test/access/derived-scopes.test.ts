import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { bind, issue, issued, scopesOf, unbind } from './tokens.ts';

let server: TestServer;
let nextSubject = 0;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  await server.createRepository('libs');
});

afterAll(() => server.close());

/** A subject with `write` on apps and `read` on libs, and a token that derives from that. */
async function boundSubject() {
  nextSubject += 1;
  const subject = `bound-${nextSubject}`;
  await bind(server, 'apps', subject, ['write']);
  await bind(server, 'libs', subject, ['read']);
  return { subject, token: await server.issueToken(subject, [], 60) };
}

const readApps = async (token: string) => (await server.request('GET', '/v1/repos/apps', { token })).status;

describe('a token that derives from bindings', () => {
  test('loses a removed one on the very next request', async () => {
    const { subject, token } = await boundSubject();
    const before = await readApps(token);
    await unbind(server, 'apps', subject);
    expect([before, await readApps(token)]).toEqual([200, 403]);
  });

  test('keeps the others', async () => {
    const { subject, token } = await boundSubject();
    await unbind(server, 'apps', subject);
    expect(await scopesOf(server, token)).toEqual(['repo:libs:read']);
  });

  test('without any binding left is still known, and may nothing', async () => {
    const { subject, token } = await boundSubject();
    await unbind(server, 'apps', subject);
    await unbind(server, 'libs', subject);
    expect(await scopesOf(server, token)).toEqual([]);
  });

  test('gains an added one on the very next request', async () => {
    const { subject, token } = await boundSubject();
    await bind(server, 'libs', subject, ['admin']);
    expect(await scopesOf(server, token)).toEqual(['repo:apps:write', 'repo:libs:admin']);
  });

  test('loses all of them with the repository', async () => {
    await server.createRepository('gone');
    const { subject, token } = await boundSubject();
    await bind(server, 'gone', subject, ['admin']);
    await server.request('DELETE', '/v1/repos/gone');
    expect(await scopesOf(server, token)).toEqual(['repo:apps:write', 'repo:libs:read']);
  });

  test('does not follow the bindings of another subject', async () => {
    const { token } = await boundSubject();
    await bind(server, 'apps', 'somebody-else', ['admin']);
    expect(await scopesOf(server, token)).toEqual(['repo:apps:write', 'repo:libs:read']);
  });
});

describe('a token narrowed from one that derives', () => {
  test('loses a removed binding on the very next request', async () => {
    const { subject, token } = await boundSubject();
    const narrowed = await issued(server, { subject, scopes: ['repo:apps:read'] }, token);
    const before = await readApps(narrowed);
    await unbind(server, 'apps', subject);
    expect([before, await readApps(narrowed)]).toEqual([200, 403]);
  });

  test('loses what a smaller binding no longer gives', async () => {
    const { subject, token } = await boundSubject();
    const narrowed = await issued(server, { subject, scopes: ['repo:apps:write'] }, token);
    await bind(server, 'apps', subject, ['read']);
    expect(await scopesOf(server, narrowed)).toEqual(['repo:apps:read']);
  });

  test('gains nothing from a larger binding', async () => {
    const { subject, token } = await boundSubject();
    const narrowed = await issued(server, { subject, scopes: ['repo:apps:read'] }, token);
    await bind(server, 'apps', subject, ['admin']);
    expect(await scopesOf(server, narrowed)).toEqual(['repo:apps:read']);
  });

  test('gains nothing from a binding elsewhere', async () => {
    const { subject, token } = await boundSubject();
    const narrowed = await issued(server, { subject, scopes: ['repo:apps:read'] }, token);
    await bind(server, 'libs', subject, ['admin']);
    expect(await scopesOf(server, narrowed)).toEqual(['repo:apps:read']);
  });

  test('hands no more than that on', async () => {
    const { subject, token } = await boundSubject();
    const narrowed = await issued(server, { subject, scopes: ['repo:apps:read'] }, token);
    await bind(server, 'apps', subject, ['admin']);
    expect((await issue(server, { subject, scopes: ['repo:apps:write'], ttlMinutes: 5 }, narrowed)).status).toBe(403);
  });

  test('by empty scopes follows the bindings as its origin does', async () => {
    const { subject, token } = await boundSubject();
    const again = await issued(server, { subject, scopes: [] }, token);
    await unbind(server, 'apps', subject);
    expect(await scopesOf(server, again)).toEqual(['repo:libs:read']);
  });
});

test('explicit scopes stay what they were, whatever happens to the bindings', async () => {
  const { subject } = await boundSubject();
  const explicit = await server.issueToken(subject, ['repo:apps:write']);
  await unbind(server, 'apps', subject);
  expect(await scopesOf(server, explicit)).toEqual(['repo:apps:write']);
});
