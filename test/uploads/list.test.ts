import { afterAll, beforeAll, expect, test } from 'vitest';
import { UPLOAD_STATES } from '../../src/uploads/model.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, uniqueBytes } from '../support/uploading.ts';
import { inState } from './in-state.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

interface Listed {
  uploadId: string;
  state: string;
}

const list = async (repoKey: string, query = '') => await server.request('GET', `/v1/repos/${repoKey}/uploads${query}`);

test('sessions are listed newest first, page after page, each once', async () => {
  await server.createRepository('paged');
  const ids: string[] = [];
  for (let index = 0; index < 7; index += 1)
    ids.unshift((await createSession(server, 'paged', uniqueBytes())).uploadId);
  const seen: string[] = [];
  let cursor: string | null = '';
  for (let page = 0; page < 4 && cursor !== null; page += 1) {
    const { json } = await list('paged', `?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
    seen.push(...json.items.map((item: Listed) => item.uploadId));
    cursor = json.nextCursor;
  }
  expect([seen, cursor]).toEqual([ids, null]);
});

test('a full last page has no next one', async () => {
  await server.createRepository('full');
  for (let index = 0; index < 2; index += 1) await createSession(server, 'full', uniqueBytes());
  expect((await list('full', '?limit=2')).json.nextCursor).toBeNull();
});

test.each(UPLOAD_STATES)('only those that are %s are listed where that is asked for', async (state) => {
  const held = await inState(server, state === 'aborted' ? 'aborted by its client' : state);
  await createSession(server, held.repoKey, uniqueBytes());
  const { json } = await list(held.repoKey, `?state=${state}`);
  expect(new Set(json.items.map((item: Listed) => item.state))).toEqual(new Set([state]));
  expect(json.items.map((item: Listed) => item.uploadId)).toContain(held.uploadId);
});

test('an empty state is none', async () => {
  const held = await inState(server, 'initiated');
  expect((await list(held.repoKey, '?state=')).json).toEqual((await list(held.repoKey)).json);
});

test('sessions of other repositories are not listed', async () => {
  await inState(server, 'initiated');
  await server.createRepository('quiet');
  expect((await list('quiet')).json).toEqual({ items: [], nextCursor: null });
});

test.each(['?state=finished', '?limit=0', '?limit=501', '?limit=many', '?cursor=bm8'])('%s is a 400', async (query) => {
  await createSession(server, 'quiet', uniqueBytes());
  const { status, json } = await list('quiet', query);
  expect([status, json.error]).toEqual([400, 'bad_request']);
});

test('a repository that is not there is a 404', async () => {
  expect((await list('nowhere')).status).toBe(404);
});
