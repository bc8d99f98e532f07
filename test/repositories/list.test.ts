import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';

let server: TestServer;

const KEYS = ['alpha', 'bravo', 'charlie', 'delta', 'echo'];

beforeAll(async () => {
  server = await startTestServer();
  for (const repoKey of KEYS) await server.createRepository(repoKey);
  await server.createRepository('gone');
  await server.request('DELETE', '/v1/repos/gone');
});

afterAll(() => server.close());

const keysFor = async (scopes: string[]): Promise<string[]> => {
  const { json } = await server.request('GET', '/v1/repos', { token: await server.issueToken('someone', scopes) });
  return json.items.map((item: { repoKey: string }) => item.repoKey);
};

describe('the list holds', () => {
  test.each([
    ['every repository under a wildcard', ['repo:*:read'], KEYS.toReversed()],
    ['those of read', ['repo:bravo:read', 'repo:delta:read'], ['delta', 'bravo']],
    ['those of write', ['repo:alpha:write'], ['alpha']],
    ['those of admin', ['repo:alpha:admin'], ['alpha']],
    ['none of promote', ['repo:alpha:promote', 'repo:bravo:read'], ['bravo']],
    ['none that is not there', ['repo:gone:read', 'repo:nowhere:read'], []],
  ])('%s', async (_name, scopes, keys) => {
    expect(await keysFor(scopes)).toEqual(keys);
  });

  test('each repository once and in order, in pages', async () => {
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { json } = await server.request('GET', `/v1/repos?limit=2${query}`);
      found.push(...json.items.map((item: { repoKey: string }) => item.repoKey));
      cursor = json.nextCursor;
    }
    expect(found).toEqual(KEYS.toReversed());
  });

  test('only what the caller may read in its pages too', async () => {
    const token = await server.issueToken('someone', ['repo:alpha:read', 'repo:delta:read']);
    const first = await server.request('GET', '/v1/repos?limit=1', { token });
    const second = await server.request('GET', `/v1/repos?limit=1&cursor=${first.json.nextCursor}`, { token });
    expect([...first.json.items, ...second.json.items, second.json.nextCursor]).toMatchObject([
      { repoKey: 'delta' },
      { repoKey: 'alpha' },
      null,
    ]);
  });
});

test('a token that may read nothing may not list', async () => {
  const token = await server.issueToken('someone', ['repo:*:promote']);
  expectError(await server.request('GET', '/v1/repos', { token }), 403, 'forbidden');
});

describe('one repository', () => {
  test('is shown to one who may read it', async () => {
    const token = await server.issueToken('someone', ['repo:alpha:read']);
    expect((await server.request('GET', '/v1/repos/alpha', { token })).json).toMatchObject({ repoKey: 'alpha' });
  });

  test.each(['bravo', 'nowhere', 'gone'])(
    '%s is a 403 to one who may not, whether it is there or not',
    async (repoKey) => {
      const token = await server.issueToken('someone', ['repo:alpha:admin', `repo:${repoKey}:promote`]);
      expectError(await server.request('GET', `/v1/repos/${repoKey}`, { token }), 403, 'forbidden');
    },
  );

  test('that is not there and one that may not be read give the same 403', async () => {
    const token = await server.issueToken('someone', ['repo:alpha:read']);
    const [there, nowhere] = [
      await server.request('GET', '/v1/repos/bravo', { token }),
      await server.request('GET', '/v1/repos/nowhere', { token }),
    ];
    expect({ ...nowhere.json, requestId: '' }).toEqual({ ...there.json, requestId: '' });
  });

  test('that is not there is a 404 to one who may read it', async () => {
    const token = await server.issueToken('someone', ['repo:nowhere:read']);
    expectError(await server.request('GET', '/v1/repos/nowhere', { token }), 404, 'not_found');
  });
});
