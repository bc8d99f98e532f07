import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { scrape, scrapeWithBacklog } from './scrape.ts';

const FAILURES = 'artifortress_wal_archive_failures_total';
const ARCHIVED_AT = 'artifortress_wal_archived_timestamp_seconds';
/** After which the worker looks again. */
const MEASURE_EVERY_SECONDS = 15;

let folder: string;
let archive: string;
let server: TestServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifortress-wal-'));
  archive = join(folder, 'archive');
  server = await startTestServer({
    dataDirectory: join(folder, 'data'),
    settings: { databaseUrl: undefined, walArchiveDirectory: archive, worker: true, workerIntervalSeconds: 1 },
  });
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** A metric of the database, by the worker's next look; undefined where it is not told. */
async function looked(name: string): Promise<number | undefined> {
  server.clock.advance({ seconds: MEASURE_EVERY_SECONDS });
  return (await scrape(server)).samples.find((sample) => sample.name === name)?.value;
}

const switchSegment = () => server.running.services.db.query(sql`select pg_switch_wal()`);

test('the failures to archive the log are told from 0, and when a segment last was archived', async () => {
  await expect.poll(() => looked(FAILURES), { timeout: 20_000 }).toBe(0);
  await switchSegment();
  await expect.poll(() => looked(ARCHIVED_AT), { timeout: 20_000 }).toBeGreaterThan(Date.now() / 1000 - 60);

  await rm(archive, { recursive: true });
  await writeFile(archive, 'in the way');
  await server.createRepository('apps');
  await switchSegment();
  await expect.poll(() => looked(FAILURES), { timeout: 20_000 }).toBeGreaterThan(0);
});

test('nothing is told of an archive where there is none', async () => {
  const without = await startTestServer({ settings: { worker: true, workerIntervalSeconds: 1 } });
  try {
    const names = (await scrapeWithBacklog(without)).samples.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('artifortress_wal_'))).toEqual([]);
  } finally {
    await without.close();
  }
});
