import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readTrail } from '../audit/trail.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, uniqueBytes } from '../support/uploading.ts';

let server: TestServer;
let nextKey = 0;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('member');
  await server.createRepository('member-too');
});

afterAll(() => server.close());

const freshKey = () => {
  nextKey += 1;
  return `fresh-${nextKey}`;
};
const create = (json: unknown) => server.request('POST', '/v1/repos', { json });
const get = (repoKey: string) => server.request('GET', `/v1/repos/${repoKey}`);

const UPSTREAM = 'https://upstream.example/artifacts';

describe('each type of repository', () => {
  test.each([
    { repoType: 'local' },
    { repoType: 'remote', upstreamUrl: UPSTREAM },
    { repoType: 'remote', upstreamUrl: 'http://upstream.example:8081/a?b=c' },
    { repoType: 'virtual', memberRepos: ['member'] },
    { repoType: 'virtual', memberRepos: ['member-too', 'member'] },
    { repoType: 'local', upstreamUrl: null, memberRepos: [] },
    { repoType: 'remote', upstreamUrl: UPSTREAM, memberRepos: [] },
    { repoType: 'virtual', upstreamUrl: null, memberRepos: ['member'] },
  ])('is created as it was asked for: %j', async (fields) => {
    const repoKey = freshKey();
    const reply = await create({ repoKey, ...fields });
    expect({ status: reply.status, body: reply.json }).toEqual({
      status: 201,
      body: {
        upstreamUrl: null,
        memberRepos: [],
        repoKey,
        ...fields,
        createdAtUtc: expect.stringMatching(/Z$/),
        createdBy: 'root',
        blobCount: 0,
        totalBytes: 0,
      },
    });
  });

  test.each([
    { repoType: 'local' },
    { repoType: 'remote', upstreamUrl: UPSTREAM },
    { repoType: 'virtual', memberRepos: ['member-too', 'member'] },
  ])('is found at its Location as it was answered: %j', async (fields) => {
    const reply = await create({ repoKey: freshKey(), ...fields });
    const found = await server.request('GET', String(reply.headers.get('location')));
    expect(found.json).toEqual(reply.json);
  });
});

test('a field that its type has no use for may be null', async () => {
  expect((await create({ repoKey: freshKey(), repoType: 'local', upstreamUrl: null, memberRepos: null })).status).toBe(
    201,
  );
});

test('the Location is the path of the repository', async () => {
  const repoKey = freshKey();
  expect((await create({ repoKey, repoType: 'local' })).headers.get('location')).toBe(`/v1/repos/${repoKey}`);
});

test('the Location lies under the path of the public address, if it has one', async () => {
  const behindProxy = await startTestServer({ settings: { publicUrl: 'https://proxy.example/artifacts' } });
  const repository = await behindProxy.request('POST', '/v1/repos', { json: { repoKey: 'apps', repoType: 'local' } });
  const session = await createSession(behindProxy, 'apps', uniqueBytes());
  await behindProxy.close();
  expect([repository.headers.get('location'), session.created.headers.get('location')]).toEqual([
    '/artifacts/v1/repos/apps',
    `/artifacts/v1/repos/apps/uploads/${session.uploadId}`,
  ]);
});

describe('a 400 is the answer to', () => {
  test.each([
    ['no type', {}],
    ['an unknown type', { repoType: 'hosted' }],
    ['a type in capital letters', { repoType: 'LOCAL' }],
    ['a type that is no text', { repoType: 1 }],
    ['local with an upstream', { repoType: 'local', upstreamUrl: UPSTREAM }],
    ['local with members', { repoType: 'local', memberRepos: ['member'] }],
    ['remote without an upstream', { repoType: 'remote' }],
    ['remote with null as its upstream', { repoType: 'remote', upstreamUrl: null }],
    ['virtual with null as its members', { repoType: 'virtual', memberRepos: null }],
    ['remote with an empty upstream', { repoType: 'remote', upstreamUrl: '' }],
    ['remote with members', { repoType: 'remote', upstreamUrl: UPSTREAM, memberRepos: ['member'] }],
    ['remote with a relative upstream', { repoType: 'remote', upstreamUrl: '/artifacts' }],
    ['remote with an upstream without a scheme', { repoType: 'remote', upstreamUrl: 'upstream.example' }],
    ['remote with an upstream without a host', { repoType: 'remote', upstreamUrl: 'http://' }],
    ['remote with an upstream by ftp', { repoType: 'remote', upstreamUrl: 'ftp://upstream.example/' }],
    ['remote with an upstream of a file', { repoType: 'remote', upstreamUrl: 'file:///etc/passwd' }],
    [
      'remote with an upstream with a password',
      { repoType: 'remote', upstreamUrl: 'https://me:secret@upstream.example/' },
    ],
    [
      'remote with an upstream of 3,000 characters',
      { repoType: 'remote', upstreamUrl: `${UPSTREAM}/${'a'.repeat(3000)}` },
    ],
    ['remote with a NUL in the upstream', { repoType: 'remote', upstreamUrl: `${UPSTREAM}/\u0000` }],
    ['remote with half of a surrogate pair in the upstream', { repoType: 'remote', upstreamUrl: `${UPSTREAM}/\ud800` }],
    ['remote with a number as upstream', { repoType: 'remote', upstreamUrl: 7 }],
    ['virtual without members', { repoType: 'virtual' }],
    ['virtual with no member in the list', { repoType: 'virtual', memberRepos: [] }],
    ['virtual with an upstream', { repoType: 'virtual', memberRepos: ['member'], upstreamUrl: UPSTREAM }],
    ['virtual with a member that is not there', { repoType: 'virtual', memberRepos: ['nowhere'] }],
    ['virtual with one member that is not there', { repoType: 'virtual', memberRepos: ['member', 'nowhere'] }],
    ['virtual with a member named twice', { repoType: 'virtual', memberRepos: ['member', 'MEMBER'] }],
    ['remote, of a URL without slashes', { repoType: 'remote', upstreamUrl: 'https:upstream.example' }],
    ['remote, of a URL with one slash', { repoType: 'remote', upstreamUrl: 'https:/upstream.example' }],
    ['of a key with a letter that only becomes one of ours', { repoType: 'local', repoKey: 'apps\u212a' }],
    ['virtual with a malformed member', { repoType: 'virtual', memberRepos: ['no key'] }],
    ['virtual with a text instead of a list', { repoType: 'virtual', memberRepos: 'member' }],
    ['virtual with a member that is no text', { repoType: 'virtual', memberRepos: [null] }],
  ])('%s', async (_name, fields) => {
    expectError(await create({ repoKey: freshKey(), ...fields }), 400, 'bad_request');
  });

  test('a virtual repository that contains itself', async () => {
    const repoKey = freshKey();
    expectError(await create({ repoKey, repoType: 'virtual', memberRepos: ['member', repoKey] }), 400, 'bad_request');
  });
});

test('a refused repository is not there', async () => {
  const repoKey = freshKey();
  await create({ repoKey, repoType: 'virtual', memberRepos: ['member', 'nowhere'] });
  expectError(await get(repoKey), 404, 'not_found');
});

test('the message of a 400 names the field', async () => {
  const { json } = await create({ repoKey: freshKey(), repoType: 'remote' });
  expect(json.message).toContain('upstreamUrl');
});

test('an upstream is kept without the blanks around it', async () => {
  const { json } = await create({ repoKey: freshKey(), repoType: 'remote', upstreamUrl: ` ${UPSTREAM} ` });
  expect(json.upstreamUrl).toBe(UPSTREAM);
});

describe('the key', () => {
  test.each([
    ['  Spaced-And-LOUD ', 'spaced-and-loud'],
    ['0', '0'],
    ['a._-', 'a._-'],
    ['k'.repeat(64), 'k'.repeat(64)],
  ])('%j is taken as %j', async (given, repoKey) => {
    expect((await create({ repoKey: given, repoType: 'local' })).json.repoKey).toBe(repoKey);
  });

  test.each([
    '',
    ' ',
    '.hidden',
    '-dash',
    '_low',
    'a b',
    'a/b',
    'a%b',
    '*',
    'ä',
    'k'.repeat(65),
    'a\u0000b',
    'a\nb',
    'a\ud800',
    7,
    null,
    ['a'],
    {},
  ])('%j is a 400', async (repoKey) => {
    expectError(await create({ repoKey, repoType: 'local' }), 400, 'bad_request');
  });

  test('has to be given', async () => {
    expectError(await create({ repoType: 'local' }), 400, 'bad_request');
  });

  test('finds its repository in any case', async () => {
    const repoKey = freshKey();
    await create({ repoKey, repoType: 'local' });
    expect((await get(repoKey.toUpperCase())).json.repoKey).toBe(repoKey);
  });
});

describe('a key that is taken', () => {
  test.each([
    { repoType: 'local' },
    { repoType: 'remote', upstreamUrl: UPSTREAM },
    { repoType: 'virtual', memberRepos: ['member'] },
  ])('is a 409, whatever is asked for: %j', async (fields) => {
    expectError(await create({ repoKey: 'Member-Too', ...fields }), 409, 'conflict');
  });

  test('leaves the repository as it was', async () => {
    const before = (await get('member-too')).json;
    await create({ repoKey: 'member-too', repoType: 'remote', upstreamUrl: UPSTREAM });
    expect((await get('member-too')).json).toEqual(before);
  });

  test('leaves no row', async () => {
    await create({ repoKey: 'member-too', repoType: 'local' });
    expect(await readTrail(server, { action: 'repo.created', resourceId: 'member-too' })).toHaveLength(1);
  });
});

describe('twenty at once', () => {
  test.each([{ repoType: 'local' }, { repoType: 'virtual', memberRepos: ['member', 'member-too'] }])(
    'of one key make one repository: %j',
    async (fields) => {
      const repoKey = freshKey();
      const replies = await Promise.all(Array.from({ length: 20 }, () => create({ repoKey, ...fields })));
      const statuses = replies.map((reply) => reply.status).sort((left, right) => left - right);
      expect(statuses).toEqual([201, ...Array<number>(19).fill(409)]);
    },
  );

  test('of one key leave one row', async () => {
    const repoKey = freshKey();
    await Promise.all(Array.from({ length: 20 }, () => create({ repoKey, repoType: 'local' })));
    expect(await readTrail(server, { action: 'repo.created', resourceId: repoKey })).toHaveLength(1);
  });

  test('of different keys are all made', async () => {
    const keys = Array.from({ length: 20 }, freshKey);
    const replies = await Promise.all(keys.map((repoKey) => create({ repoKey, repoType: 'local' })));
    expect(replies.every((reply) => reply.status === 201)).toBe(true);
  });
});

test('a virtual repository created while its member is being deleted never contains a deleted one', async () => {
  for (let round = 0; round < 5; round += 1) {
    const [member, virtual] = [freshKey(), freshKey()];
    await create({ repoKey: member, repoType: 'local' });
    const [created, deleted] = await Promise.all([
      create({ repoKey: virtual, repoType: 'virtual', memberRepos: [member] }),
      server.request('DELETE', `/v1/repos/${member}`),
    ]);
    expect([`${created.status} ${deleted.status}`]).toEqual([expect.stringMatching(/^(201 409|400 200)$/)]);
  }
});

test('no cycle can be closed: a member of a virtual repository cannot be replaced by one that contains it', async () => {
  const [inner, outer] = [freshKey(), freshKey()];
  await create({ repoKey: inner, repoType: 'virtual', memberRepos: ['member'] });
  await create({ repoKey: outer, repoType: 'virtual', memberRepos: [inner] });
  const deleted = await server.request('DELETE', `/v1/repos/${inner}`);
  const recreated = await create({ repoKey: inner, repoType: 'virtual', memberRepos: [outer] });
  expect([deleted.status, recreated.status]).toEqual([409, 409]);
});

test('a virtual repository may contain virtual ones', async () => {
  const [inner, outer] = [freshKey(), freshKey()];
  await create({ repoKey: inner, repoType: 'virtual', memberRepos: ['member'] });
  expect((await create({ repoKey: outer, repoType: 'virtual', memberRepos: [inner] })).status).toBe(201);
});
