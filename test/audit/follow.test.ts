import { afterAll, beforeAll, expect, test } from 'vitest';
import { Artifortress } from '../../src/client/index.ts';
import { expectError } from '../http/expect-error.ts';
import { startPrivateDatabase } from '../support/private-database.ts';
import type { TestDatabase } from '../support/test-database.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { connectTo, type SteppedConnection } from './two-transactions.ts';

let database: TestDatabase;
let server: TestServer;
let first: SteppedConnection;
let second: SteppedConnection;

beforeAll(async () => {
  // What is read is held back by the oldest transaction of the whole PostgreSQL.
  database = await startPrivateDatabase();
  server = await startTestServer({ database });
  first = await connectTo(server.database.url);
  second = await connectTo(server.database.url);
});

afterAll(async () => {
  await Promise.all([first.end(), second.end()]);
  await server.close();
  await database.drop();
});

interface Page {
  items: string[];
  nextCursor: string;
}

async function follow(query: Record<string, string>): Promise<Page> {
  const reply = await server.request('GET', `/v1/audit/follow?${new URLSearchParams(query).toString()}`);
  expect(reply.status).toBe(200);
  const items = reply.json.items.map((row: { resourceId: string }) => row.resourceId);
  return { items, nextCursor: reply.json.nextCursor };
}

/** Reads on until there is something: what the server itself is writing can hold rows back for a moment. */
async function followUntilThere(cursor: string): Promise<Page> {
  let page = await follow({ cursor });
  while (page.items.length === 0) page = await follow({ cursor: page.nextCursor });
  return page;
}

test('a row that commits late, with a lower number than one already read, is not missed', async () => {
  const { nextCursor } = await follow({});
  // The first transaction is the older one; the second one's row gets the lower number, and commits last.
  await first.begin();
  await second.begin();
  await second.writeRow('lower number');
  await first.writeRow('higher number');
  await first.commit();
  const early = await followUntilThere(nextCursor);
  expect(early.items).toEqual(['higher number']);
  await second.commit();
  const late = await followUntilThere(early.nextCursor);
  expect(late.items).toEqual(['lower number']);
  expect((await follow({ cursor: late.nextCursor })).items).toEqual([]);
});

test('a row above a transaction that still runs is held back, and comes in its order', async () => {
  const { nextCursor } = await follow({});
  await first.begin();
  await first.writeRow('older');
  await second.begin();
  await second.writeRow('younger');
  await second.commit();
  const early = await follow({ cursor: nextCursor });
  expect(early.items).toEqual([]);
  await first.commit();
  expect((await followUntilThere(early.nextCursor)).items).toEqual(['older', 'younger']);
});

test('pages of one row go through all of them, each once', async () => {
  let { nextCursor: cursor } = await follow({});
  const names = ['a', 'b', 'c'];
  await first.begin();
  for (const name of names) await first.writeRow(name);
  await first.commit();
  const seen: string[] = [];
  while (seen.length < names.length) {
    const { items, nextCursor } = await follow({ cursor, limit: '1' });
    seen.push(...items);
    cursor = nextCursor;
  }
  expect(seen).toEqual(names);
  expect((await follow({ cursor })).items).toEqual([]);
});

test('it starts at the present end, and with since at the beginning; filters hold', async () => {
  expect((await follow({})).items).toEqual([]);
  const all = await follow({ since: '2000-01-01T00:00:00Z' });
  expect(all.items).toContain('older');
  const { items } = await follow({ since: '2000-01-01T00:00:00Z', action: 'auth.pat.issued' });
  expect(items).toHaveLength(1);
});

test.each(['x', 'MS4x', 'OTk5OTk5OTk5OTk5OTk5OTk5OTkuMQ'])('the cursor %j', async (cursor) => {
  const reply = await server.request('GET', `/v1/audit/follow?cursor=${cursor}`);
  if (cursor === 'MS4x') expect(reply.status).toBe(200);
  else expectError(reply, 400, 'bad_request');
});

test('the client follows until its signal aborts', async () => {
  let answered = 0;
  const countingFetch: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    answered += 1;
    return response;
  };
  const client = new Artifortress({ url: server.url, token: server.adminToken, runtime: { fetch: countingFetch } });
  const controller = new AbortController();
  const seen: string[] = [];
  const following = (async () => {
    for await (const row of client.audit.follow({ pollMs: 20, signal: controller.signal, action: 'repo.created' })) {
      seen.push(row.resourceId);
      if (seen.length === 2) controller.abort(new Error('enough'));
    }
  })();
  // The follower starts at the end: it has to have asked once.
  await expect.poll(() => answered).toBeGreaterThan(0);
  await server.createRepository('one');
  await server.createRepository('two');
  await expect(following).rejects.toThrow('enough');
  expect(seen).toEqual(['one', 'two']);
});
