import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { readTrail, type TrailRow } from './trail.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  const owner = await server.issueToken('owner', ['repo:*:admin']);
  for (const repoKey of ['alpha', 'bravo', 'charlie']) {
    await server.createRepository(repoKey);
    // Times in the trail are told apart by the millisecond.
    server.clock.advance({ seconds: 1 });
    await server.request('PUT', `/v1/repos/${repoKey}/bindings/alice`, { token: owner, json: { roles: ['read'] } });
    server.clock.advance({ seconds: 1 });
  }
});

afterAll(() => server.close());

const brief = (rows: TrailRow[]) => rows.map((row) => `${row.actor} ${row.action} ${row.resourceId}`);

describe('the trail is filtered', () => {
  test.each([
    [
      'by action',
      { action: 'repo.created' },
      ['root repo.created charlie', 'root repo.created bravo', 'root repo.created alpha'],
    ],
    [
      'by actor',
      { actor: 'owner' },
      [
        'owner repo.binding.upserted charlie/alice',
        'owner repo.binding.upserted bravo/alice',
        'owner repo.binding.upserted alpha/alice',
      ],
    ],
    [
      'by resource type',
      { resourceType: 'repository' },
      ['root repo.created charlie', 'root repo.created bravo', 'root repo.created alpha'],
    ],
    ['by resource id', { resourceId: 'bravo' }, ['root repo.created bravo']],
    ['by repository', { repoKey: ' Bravo ' }, ['owner repo.binding.upserted bravo/alice', 'root repo.created bravo']],
    ['to nothing by a repository that there is not', { repoKey: 'nowhere' }, []],
    [
      'by all of them',
      { action: 'repo.created', actor: 'root', resourceType: 'repository', resourceId: 'alpha', repoKey: 'alpha' },
      ['root repo.created alpha'],
    ],
    ['to nothing where they contradict', { action: 'repo.created', actor: 'owner' }, []],
    ['to nothing by an action that there is not', { action: 'repo.%' }, []],
  ])('%s, newest first', async (_name, filter, rows) => {
    expect(brief(await readTrail(server, filter))).toEqual(rows);
  });
});

describe('the trail between two times', () => {
  const created = () => readTrail(server, { action: 'repo.created' });
  const within = async (filter: Record<string, string>) =>
    (await readTrail(server, { action: 'repo.created', ...filter })).map((row) => row.resourceId);
  const timeOf = async (repoKey: string) =>
    (await created()).find((row) => row.resourceId === repoKey)?.occurredAtUtc ?? '';
  const later = (time: string) => new Date(Date.parse(time) + 1).toISOString();

  test('holds what happened at since', async () => {
    expect(await within({ since: await timeOf('bravo') })).toEqual(['charlie', 'bravo']);
  });

  test('does not hold what happened before since', async () => {
    expect(await within({ since: later(await timeOf('bravo')) })).toEqual(['charlie']);
  });

  test('does not hold what happened at until', async () => {
    expect(await within({ until: await timeOf('bravo') })).toEqual(['alpha']);
  });

  test('holds what happened just before until', async () => {
    expect(await within({ until: later(await timeOf('bravo')) })).toEqual(['bravo', 'alpha']);
  });

  test('reads an offset from UTC', async () => {
    const since = (await timeOf('bravo')).replace('Z', '+00:00');
    expect(await within({ since })).toEqual(['charlie', 'bravo']);
  });

  test('is empty where they are the same', async () => {
    const time = await timeOf('bravo');
    expect(await within({ since: time, until: time })).toEqual([]);
  });
});

describe('pages of the trail', () => {
  async function walk(filter: string, duringFirst?: () => Promise<unknown>): Promise<string[]> {
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { json } = await server.request('GET', `/v1/audit?limit=2${filter}${query}`);
      if (cursor === '') await duringFirst?.();
      found.push(...json.items.map((row: TrailRow) => row.auditId));
      cursor = json.nextCursor;
    }
    return found;
  }

  test('have neither gaps nor repeats', async () => {
    const whole = (await readTrail(server)).map((row) => row.auditId);
    expect(await walk('')).toEqual(whole);
  });

  test('have neither under a filter', async () => {
    const whole = (await readTrail(server, { actor: 'owner' })).map((row) => row.auditId);
    expect(await walk('&actor=owner')).toEqual(whole);
  });

  test('are found by their actor as it is written anywhere else', async () => {
    expect(await walk('&actor=%20Owner%20')).toEqual(await walk('&actor=owner'));
  });

  test('do not move when rows are added while they are read', async () => {
    const whole = (await readTrail(server)).map((row) => row.auditId);
    expect(await walk('', () => server.issueToken('newcomer', ['repo:alpha:read']))).toEqual(whole);
  });
});

describe('a 400 is the answer to', () => {
  test.each([
    'since=yesterday',
    'since=2026-01-31',
    'since=2026-02-30T00:00:00Z',
    'since=2026-01-31T12:00:00',
    'until=1767225600',
    'until=',
    'since=2026-01-31T12:00:00Z&since=2026-01-31T12:00:00Z',
    'cursor=',
    'cursor=!!!',
    'cursor=MQ==',
    `cursor=${Buffer.from('-1').toString('base64url')}`,
    `cursor=${Buffer.from('1 or true').toString('base64url')}`,
    `cursor=${Buffer.from('9'.repeat(30)).toString('base64url')}`,
    `cursor=${'A'.repeat(600)}`,
    'limit=0',
    'limit=501',
    'limit=ten',
    'limit=1.5',
    'limit=',
    'limit=-1',
    'limit=1&limit=2',
    'action=',
    'actor=%00',
    'resourceId=a%0Ab',
    'repoKey=',
    'repoKey=a/b',
    `resourceId=${'a'.repeat(513)}`,
    'action=a&action=b',
  ])('%s', async (query) => {
    expectError(await server.request('GET', `/v1/audit?${query}`), 400, 'bad_request');
  });
});

test.each([1, 500])('a limit of %d is taken', async (limit) => {
  expect((await server.request('GET', `/v1/audit?limit=${limit}`)).status).toBe(200);
});

test('without a limit a page has 100 rows', async () => {
  for (let round = 0; round < 12; round += 1) {
    await Promise.all(Array.from({ length: 10 }, () => server.issueToken('many', ['repo:alpha:read'])));
  }
  expect((await server.request('GET', '/v1/audit')).json.items).toHaveLength(100);
});

test.each([
  ['admin on one repository', ['repo:alpha:admin']],
  ['write on every repository', ['repo:*:write']],
  ['promote on every repository', ['repo:*:promote']],
])('%s may not read it', async (_name, scopes) => {
  const token = await server.issueToken('curious', scopes);
  expectError(await server.request('GET', '/v1/audit', { token }), 403, 'forbidden');
});
