import { copyFile, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StartupError } from '../../src/kernel/errors.ts';
import { migrate } from '../../src/kernel/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const MIGRATIONS_DIRECTORY = join(import.meta.dirname, '..', '..', 'db', 'migrations');

let database: TestDatabase;
let folder: string;

beforeEach(async () => {
  database = await createTestDatabase({ empty: true });
  folder = await mkdtemp(join(tmpdir(), 'artifortress-migrations-'));
});

afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

async function rows(statement: string): Promise<unknown[]> {
  const client = new Client(database.target);
  await client.connect();
  try {
    const result = await client.query<unknown[]>({ text: statement, rowMode: 'array' });
    return result.rows.map((row) => row[0]);
  } finally {
    await client.end();
  }
}

const tables = () =>
  rows(`select table_name::text from information_schema.tables where table_schema = 'public' order by 1`);
const applied = () => rows('select file from schema_migrations order by version');
const write = (file: string, text: string) => writeFile(join(folder, file), text);
const start = () => migrate(database.target, folder);

const FIRST = '0001_first.sql';
const SECOND = '0002_second.sql';

test('from an empty database every file of the product is applied, in order', async () => {
  const files = (await readdir(MIGRATIONS_DIRECTORY)).sort();
  expect(await migrate(database.target)).toEqual(files);
  expect(await applied()).toEqual(files);
});

test('from an empty database there is every table that the product needs', async () => {
  await migrate(database.target);
  expect(await tables()).toEqual(
    expect.arrayContaining([
      'audit_events',
      'blob_references',
      'blobs',
      'jobs',
      'repositories',
      'role_bindings',
      'tenants',
      'tokens',
      'upload_sessions',
    ]),
  );
});

test('a second start applies nothing', async () => {
  await migrate(database.target);
  expect(await migrate(database.target)).toEqual([]);
});

test('of 20 starts at once on an empty database one applies each file, and none fails', async () => {
  const files = (await readdir(MIGRATIONS_DIRECTORY)).sort();
  const starts = await Promise.all(Array.from({ length: 20 }, () => migrate(database.target)));
  expect(starts.flat().sort()).toEqual(files);
  expect(await applied()).toEqual(files);
});

test('a new file is applied on top of those that were', async () => {
  await write(FIRST, 'create table first (x integer)');
  await start();
  await write(SECOND, 'alter table first add y integer');
  expect(await start()).toEqual([SECOND]);
});

test('files are applied in the order of their numbers', async () => {
  await write('0010_tenth.sql', 'create table tenth as select * from ninth');
  await write('0009_ninth.sql', 'create table ninth (x integer)');
  expect(await start()).toEqual(['0009_ninth.sql', '0010_tenth.sql']);
});

test('an applied file of the product that was changed refuses the start, and is named', async () => {
  const files = await readdir(MIGRATIONS_DIRECTORY);
  await Promise.all(files.map((file) => copyFile(join(MIGRATIONS_DIRECTORY, file), join(folder, file))));
  await start();
  const [file = ''] = files.sort();
  await write(file, `${await readFile(join(folder, file), 'utf8')}\n-- harmless`);
  await expect(start()).rejects.toThrow(new RegExp(`^The migration ${file} was changed`));
});

test('a changed file keeps later ones from being applied', async () => {
  await write(FIRST, 'create table first (x integer)');
  await start();
  await write(FIRST, 'create table first (y integer)');
  await write(SECOND, 'create table second (x integer)');
  await expect(start()).rejects.toThrow(StartupError);
  expect(await tables()).not.toContain('second');
});

test('an applied file that was renamed refuses the start, and both names are told', async () => {
  await write(FIRST, 'create table first (x integer)');
  await start();
  await rename(join(folder, FIRST), join(folder, '0001_primary.sql'));
  await expect(start()).rejects.toThrow(/0001_primary\.sql was changed after it had been applied as 0001_first\.sql/);
});

test('an applied file that is missing refuses the start, and is named', async () => {
  await write(FIRST, 'create table first (x integer)');
  await write(SECOND, 'create table second (x integer)');
  await start();
  await rm(join(folder, SECOND));
  await expect(start()).rejects.toThrow(/has migration 0002_second\.sql, which this version does not know/);
});

test('a file that fails is rolled back whole, and named', async () => {
  await write(FIRST, 'create table first (x integer); insert into first values (1); select 1 / 0;');
  await expect(start()).rejects.toThrow(/^The migration 0001_first\.sql failed and was rolled back: division by zero/);
  expect([await tables(), await applied()]).toEqual([['schema_migrations'], []]);
});

test('files before the one that fails stay applied, and the mended one goes on from there', async () => {
  await write(FIRST, 'create table first (x integer)');
  await write(SECOND, 'create table second (x no_such_type)');
  await expect(start()).rejects.toThrow(StartupError);
  expect(await applied()).toEqual([FIRST]);
  await write(SECOND, 'create table second (x integer)');
  expect(await start()).toEqual([SECOND]);
});

test('a start that fails lets the next one in', async () => {
  await write(FIRST, 'select 1 / 0');
  const starts = await Promise.allSettled([start(), start(), start()]);
  expect(starts.map((one) => one.status)).toEqual(['rejected', 'rejected', 'rejected']);
});

test.each(['notes.txt', '1_short.sql', '0001-dash.sql', '0001_Upper.sql'])(
  'a file called %s among them refuses the start, and is named',
  async (file) => {
    await write(file, 'select 1');
    await expect(start()).rejects.toThrow(new RegExp(`^"${file}" in .* is no migration`));
  },
);

test('references of an older version get the lengths of their blobs, and its totals stay', async () => {
  const older = (await readdir(MIGRATIONS_DIRECTORY)).filter((file) => file < '0041');
  for (const file of older) await copyFile(join(MIGRATIONS_DIRECTORY, file), join(folder, file));
  await migrate(database.target, folder);
  await rows(`
    insert into repositories (tenant_id, repo_key, repo_type, created_at, created_by) values ('default', 'old', 'local', now(), 'me')`);
  await rows(`
    insert into blobs (tenant_id, digest, length_bytes, state, object_key, created_at)
    select 'default', repeat(n::text, 64), n, 'live', 'object ' || n, now() from generate_series(1, 3) n`);
  await rows(`
    insert into blob_references (tenant_id, repo_id, digest, created_at, created_by)
    select tenant_id, (select repo_id from repositories), digest, now(), 'me' from blobs`);
  await migrate(database.target);
  expect(await rows('select length_bytes::int from blob_references order by 1')).toEqual([1, 2, 3]);
  await rows('delete from blob_references where length_bytes = 2');
  expect(await rows('select sum(total_bytes)::int from repository_usage')).toEqual([4]);
});

test('a start that loses its connection while it waits for another one fails, and does no more', async () => {
  const other = new Client(database.target);
  await other.connect();
  await other.query('select pg_advisory_lock(4706351246894617172)');
  const waiting = expect(start()).rejects.toThrow(/terminat/);
  const terminate = `select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'artifortress-migrate' and wait_event = 'advisory' and datname = current_database()`;
  await expect.poll(() => rows(terminate)).toEqual([true]);
  await waiting;
  await other.end();
});
