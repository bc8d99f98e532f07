import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTrail } from '../audit/trail.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { bind, issued, scopesOf, unbind } from './tokens.ts';

let server: TestServer;
let nextKey = 0;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

async function freshRepository(): Promise<string> {
  nextKey += 1;
  await server.createRepository(`repo-${nextKey}`);
  return `repo-${nextKey}`;
}

const list = async (repoKey: string, query = '') =>
  (await server.request('GET', `/v1/repos/${repoKey}/bindings${query}`)).json;

interface Binding {
  subject: string;
  roles: string[];
}

describe('a binding', () => {
  test('has its stable shape', async () => {
    const repoKey = await freshRepository();
    const reply = await bind(server, repoKey, 'alice', ['read']);
    expect({ status: reply.status, body: reply.json }).toEqual({
      status: 200,
      body: {
        repoKey,
        subject: 'alice',
        roles: ['read'],
        updatedAtUtc: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      },
    });
  });

  test('is listed as it was answered', async () => {
    const repoKey = await freshRepository();
    const { json } = await bind(server, repoKey, 'alice', ['read', 'promote']);
    expect(await list(repoKey)).toEqual({ items: [json], nextCursor: null });
  });

  test('replaces the roles that were bound before', async () => {
    const repoKey = await freshRepository();
    await bind(server, repoKey, 'alice', ['admin', 'promote']);
    await bind(server, repoKey, 'alice', ['read']);
    expect((await list(repoKey)).items).toMatchObject([{ subject: 'alice', roles: ['read'] }]);
  });

  test('put twice is there once, with the same answer but for its time', async () => {
    const repoKey = await freshRepository();
    const first = await bind(server, repoKey, 'alice', ['read', 'write']);
    const second = await bind(server, repoKey, 'alice', ['write', 'read', 'read']);
    expect({ ...second.json, updatedAtUtc: '' }).toEqual({ ...first.json, updatedAtUtc: '' });
  });

  test('put ten times at once is there once', async () => {
    const repoKey = await freshRepository();
    const replies = await Promise.all(Array.from({ length: 10 }, () => bind(server, repoKey, 'alice', ['read'])));
    expect({
      statuses: new Set(replies.map((reply) => reply.status)),
      count: (await list(repoKey)).items.length,
    }).toEqual({
      statuses: new Set([200]),
      count: 1,
    });
  });

  test('knows its roles as a set, whatever their order', async () => {
    const repoKey = await freshRepository();
    const replies = [
      await bind(server, repoKey, 'alice', ['promote', 'read', 'admin', 'write', 'read']),
      await bind(server, repoKey, 'alice', ['write', 'admin', 'promote', 'read']),
    ];
    expect(replies.map((reply) => reply.json.roles)).toEqual([
      ['read', 'write', 'admin', 'promote'],
      ['read', 'write', 'admin', 'promote'],
    ]);
  });

  test('of one repository is none of another', async () => {
    const [repoKey, other] = [await freshRepository(), await freshRepository()];
    await bind(server, repoKey, 'alice', ['read']);
    expect((await list(other)).items).toEqual([]);
  });

  test('can be made on remote and virtual repositories', async () => {
    const member = await freshRepository();
    const json = { repoKey: `virtual-${member}`, repoType: 'virtual', memberRepos: [member] };
    await server.request('POST', '/v1/repos', { json });
    expect((await bind(server, `virtual-${member}`, 'alice', ['read'])).status).toBe(200);
  });
});

describe('deleting a binding', () => {
  test('takes all of its roles', async () => {
    const repoKey = await freshRepository();
    await bind(server, repoKey, 'alice', ['read', 'promote']);
    const reply = await unbind(server, repoKey, 'alice');
    expect({ status: reply.status, left: (await list(repoKey)).items }).toEqual({ status: 200, left: [] });
  });

  test('leaves those of others', async () => {
    const repoKey = await freshRepository();
    await bind(server, repoKey, 'alice', ['read']);
    await bind(server, repoKey, 'bob', ['read']);
    await unbind(server, repoKey, 'alice');
    expect((await list(repoKey)).items).toMatchObject([{ subject: 'bob' }]);
  });

  test('that is not there is a 404', async () => {
    expectError(await unbind(server, await freshRepository(), 'alice'), 404, 'not_found');
  });

  test('that is not there leaves no row', async () => {
    const repoKey = await freshRepository();
    await unbind(server, repoKey, 'alice');
    expect(await readTrail(server, { resourceId: `${repoKey}/alice` })).toEqual([]);
  });
});

/** Legal subjects that a path, a pattern or a query could stumble over. */
const ODD_SUBJECTS = [
  'user@example.com',
  'repo:org/app:ref:refs/heads/main',
  '100%',
  '%2f',
  '%00',
  'a+b c',
  'a?b#c&d=e',
  'back\\slash',
  `quote's "double"`,
  '*',
  'bindings',
  'grüße-日本語-👩‍🚀',
  '__proto__',
  'constructor',
  ';drop table tokens',
  's'.repeat(256),
];

describe.each(ODD_SUBJECTS)('the subject %j', (subject) => {
  test('is bound, listed and found by its token', async () => {
    const repoKey = await freshRepository();
    await bind(server, repoKey, subject, ['read']);
    const token = await issued(server, { subject, scopes: [] });
    expect({
      listed: (await list(repoKey)).items.map((item: Binding) => item.subject),
      scopes: await scopesOf(server, token),
    }).toEqual({
      listed: [subject],
      scopes: expect.arrayContaining([`repo:${repoKey}:read`]),
    });
  });

  test('is unbound', async () => {
    const repoKey = await freshRepository();
    await bind(server, repoKey, subject, ['read']);
    await unbind(server, repoKey, subject);
    expect((await list(repoKey)).items).toEqual([]);
  });

  test('is named whole in the trail', async () => {
    const repoKey = await freshRepository();
    await bind(server, repoKey, subject, ['read']);
    expect(await readTrail(server, { resourceId: `${repoKey}/${subject}` })).toMatchObject([
      { action: 'repo.binding.upserted', resourceType: 'binding', repoKey },
    ]);
  });
});

test('the subject of a path is trimmed and lowercased', async () => {
  const repoKey = await freshRepository();
  expect((await bind(server, repoKey, ' Alice@Example.COM ', ['read'])).json.subject).toBe('alice@example.com');
});

test.each([
  ['blank', '%20'],
  ['of 257 characters', 's'.repeat(257)],
  ['with a NUL', 'a%00b'],
  ['with a line break', 'a%0Ab'],
  ['with a C1 control character', 'a%C2%85b'],
])('a subject %s is a 400', async (_name, subject) => {
  const repoKey = await freshRepository();
  const json = { roles: ['read'] };
  expectError(await server.request('PUT', `/v1/repos/${repoKey}/bindings/${subject}`, { json }), 400, 'bad_request');
});

test.each([
  { roles: [] },
  { roles: ['owner'] },
  { roles: ['READ'] },
  { roles: ['read', 'owner'] },
  { roles: 'read' },
  { roles: null },
  { roles: [null] },
  { roles: { read: true } },
  {},
  [],
])('the body %j is a 400', async (json) => {
  const repoKey = await freshRepository();
  expectError(await server.request('PUT', `/v1/repos/${repoKey}/bindings/alice`, { json }), 400, 'bad_request');
});

test.each(['PUT', 'DELETE'])('%s on a repository that is not there is a 404', async (method) => {
  const json = method === 'PUT' ? { json: { roles: ['read'] } } : {};
  expectError(await server.request(method, '/v1/repos/nowhere/bindings/alice', json), 404, 'not_found');
});

test('listing those of a repository that is not there is a 404', async () => {
  expectError(await server.request('GET', '/v1/repos/nowhere/bindings'), 404, 'not_found');
});

describe('the list of bindings', () => {
  test('in pages shows each once, the last changed first', async () => {
    const repoKey = await freshRepository();
    const subjects = ['echo', 'alpha', 'delta', 'bravo', 'charlie'];
    for (const subject of subjects) {
      await bind(server, repoKey, subject, ['read']);
      server.clock.advance({ seconds: 1 });
    }
    expect(await pagesOf(repoKey)).toEqual(subjects.toReversed());
  });

  test('in pages shows each once where all changed at the same moment', async () => {
    const repoKey = await freshRepository();
    const subjects = ['alpha', 'bravo', 'charlie', 'delta', 'echo', 'grüße', '日本'];
    await Promise.all(subjects.map((subject) => bind(server, repoKey, subject, ['read'])));
    expect((await pagesOf(repoKey)).sort()).toEqual([...subjects].sort());
  });

  async function pagesOf(repoKey: string): Promise<string[]> {
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { items: Binding[]; nextCursor: string | null } = await list(
        repoKey,
        `?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      found.push(...page.items.map((item) => item.subject));
      cursor = page.nextCursor;
    }
    return found;
  }
});

test('admin of the repository may bind, write may not', async () => {
  const repoKey = await freshRepository();
  const bindAs = async (role: string) => {
    const token = await server.issueToken('someone', [`repo:${repoKey}:${role}`]);
    const json = { roles: ['read'] };
    return (await server.request('PUT', `/v1/repos/${repoKey}/bindings/alice`, { token, json })).status;
  };
  expect([await bindAs('admin'), await bindAs('write')]).toEqual([200, 403]);
});
