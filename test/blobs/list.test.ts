import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { blobPath, store, unknownDigest } from './support.ts';

const COUNT = 25;

let server: TestServer;
/** Oldest first. */
let digests: string[];

beforeAll(async () => {
  server = await startTestServer();
  for (const repoKey of ['apps', 'empty', 'many', 'moving']) await server.createRepository(repoKey);
  digests = [];
  for (let index = 0; index < COUNT; index += 1) digests.push(await store(server, 'apps', uniqueBytes(100 + index)));
});

afterAll(() => server.close());

async function list(repoKey: string, query: Record<string, string> = {}) {
  const reply = await server.request('GET', `/v1/repos/${repoKey}/blobs?${new URLSearchParams(query).toString()}`);
  if (reply.status !== 200) throw new Error(`${reply.status} ${reply.bytes.toString()}`);
  const items: { digest: string; createdAtUtc: string }[] = reply.json.items;
  const nextCursor: string | null = reply.json.nextCursor;
  return { items, digests: items.map((item) => item.digest), nextCursor };
}

/** Every page from the newest to the end; `between` runs after each. */
async function listAll(repoKey: string, query: Record<string, string>, between = async () => {}): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await list(repoKey, { ...query, ...(cursor === '' ? {} : { cursor }) });
    pages.push(page.digests);
    cursor = page.nextCursor;
    await between();
  }
  return pages;
}

const newestFirst = () => digests.toReversed();

test('a repository lists what it holds, newest first', async () => {
  expect((await list('apps')).digests).toEqual(newestFirst());
});

test('an item tells digest, length, when and by whom, and no more', async () => {
  const bytes = uniqueBytes(321);
  const token = await server.issueToken('dora', ['repo:many:write']);
  await server.request('PUT', blobPath('many', sha256(bytes)), { token, body: bytes });
  const { items } = await list('many', { prefix: sha256(bytes) });
  expect(items).toEqual([
    {
      digest: sha256(bytes),
      length: 321,
      createdAtUtc: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      createdBy: 'dora',
    },
  ]);
});

test('an item was created when its blob was uploaded', async () => {
  const digest = await store(server, 'many', uniqueBytes());
  const [item] = (await list('many', { prefix: digest })).items;
  const ageMs = server.clock.now().getTime() - Date.parse(item?.createdAtUtc ?? '');
  expect(ageMs).toBeGreaterThanOrEqual(0);
  expect(ageMs).toBeLessThan(60_000);
});

test('a repository that holds nothing lists nothing', async () => {
  expect(await list('empty')).toEqual({ items: [], digests: [], nextCursor: null });
});

test('a blob of two repositories is listed by each as its own', async () => {
  const bytes = uniqueBytes();
  await store(server, 'many', bytes);
  const token = await server.issueToken('elsa', ['repo:*:write']);
  await server.request('PUT', blobPath('moving', sha256(bytes)), { token, body: bytes });
  const [here] = (await list('moving', { prefix: sha256(bytes) })).items;
  expect(here).toMatchObject({ createdBy: 'elsa' });
});

test('the same bytes again are no second item', async () => {
  const bytes = uniqueBytes();
  await store(server, 'many', bytes);
  await store(server, 'many', bytes);
  expect((await list('many', { prefix: sha256(bytes) })).items).toHaveLength(1);
});

test.each([1, 2, 7, COUNT - 1, COUNT, COUNT + 1])(
  'pages of %i make up the list without gap or repetition',
  async (limit) => {
    const pages = await listAll('apps', { limit: String(limit) });
    expect(pages.flat()).toEqual(newestFirst());
    expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
  },
);

test('the last full page has no cursor to an empty one', async () => {
  expect((await list('apps', { limit: String(COUNT) })).nextCursor).toBeNull();
});

test('blobs that come and go between pages neither hide nor repeat the others', async () => {
  const kept: string[] = [];
  const dropped: string[] = [];
  for (let index = 0; index < 12; index += 1) {
    const digest = await store(server, 'moving', uniqueBytes());
    (index % 3 === 0 ? dropped : kept).push(digest);
  }
  const pages = await listAll('moving', { limit: '3' }, async () => {
    await store(server, 'moving', uniqueBytes());
    const digest = dropped.pop();
    if (digest !== undefined) await server.request('DELETE', blobPath('moving', digest));
  });
  const seen = pages.flat();
  expect(seen.filter((digest) => kept.includes(digest))).toEqual(kept.toReversed());
});

test.each<[string, (digest: string) => string]>([
  ['of one character', (hex) => hex.slice(0, 1)],
  ['of eight characters', (hex) => hex.slice(0, 8)],
  ['that is the whole digest', (hex) => hex],
  ['in uppercase', (hex) => hex.slice(0, 8).toUpperCase()],
  ['with sha256:', (hex) => `sha256:${hex.slice(0, 8)}`],
  ['with SHA256: in uppercase', (hex) => `SHA256:${hex.slice(0, 8).toUpperCase()}`],
  ['with white space around it', (hex) => ` ${hex.slice(0, 8)} `],
])('a prefix %s finds the digests that start so', async (_name, write) => {
  const [digest = ''] = digests;
  const prefix = write(digest);
  const hex = prefix.trim().toLowerCase().replace('sha256:', '');
  expect((await list('apps', { prefix })).digests).toEqual(newestFirst().filter((other) => other.startsWith(hex)));
});

test.each(['', ' ', 'sha256:'])('the empty prefix %j is none', async (prefix) => {
  expect((await list('apps', { prefix })).digests).toEqual(newestFirst());
});

test('a prefix that nothing starts with finds nothing', async () => {
  expect((await list('apps', { prefix: unknownDigest() })).items).toEqual([]);
});

test('pages of a prefix make up its list', async () => {
  for (const prefix of '0123456789abcdef') {
    const pages = await listAll('apps', { prefix, limit: '1' });
    expect(pages.flat()).toEqual(newestFirst().filter((digest) => digest.startsWith(prefix)));
  }
});

test.each(['g', '%', '_', 'a%', 'a_b', '\\', 'sha512:ab', 'a'.repeat(65), 'a b', '٠'])(
  'the prefix %j is a 400',
  async (prefix) => {
    const query = new URLSearchParams({ prefix }).toString();
    const reply = await server.request('GET', `/v1/repos/apps/blobs?${query}`);
    expect(reply).toMatchObject({ status: 400, json: { error: 'bad_request' } });
  },
);

test.each([
  'limit=0',
  'limit=501',
  'limit=-1',
  'limit=1.5',
  'limit=ten',
  'limit=',
  'cursor=%21',
  'cursor=abc',
  'cursor=',
])('%s is a 400', async (query) => {
  const reply = await server.request('GET', `/v1/repos/apps/blobs?${query}`);
  expect(reply).toMatchObject({ status: 400, json: { error: 'bad_request' } });
});

test('a repository that is not there is a 404', async () => {
  expect(await server.request('GET', '/v1/repos/nowhere/blobs')).toMatchObject({ status: 404 });
});

test('a malformed cursor is a 400 before the repository is looked for', async () => {
  expect(await server.request('GET', '/v1/repos/nowhere/blobs?cursor=abc')).toMatchObject({ status: 400 });
});

test('a list is not to be cached', async () => {
  const reply = await server.request('GET', '/v1/repos/apps/blobs');
  expect(reply.headers.get('cache-control') ?? 'no-store').toBe('no-store');
});
