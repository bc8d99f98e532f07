import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/kernel/database.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ target: database.target, poolSize: 4, log: createLogger('silent') });
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

const MY_PROCESS = sql<{ pid: number }>`select pg_backend_pid() as pid`;

async function terminate(pid: number | undefined): Promise<void> {
  await db.query(sql`select pg_terminate_backend(${pid}::int, 5000)`);
}

test('a connection that breaks between two statements of a transaction fails that transaction, and nothing else', async () => {
  const failed = db.transaction(async (transaction) => {
    const [row] = await transaction.query(MY_PROCESS);
    await terminate(row?.pid);
    // Time for the connection to say so, while no statement waits for it.
    await new Promise((resolve) => setTimeout(resolve, 50));
    return await transaction.query(MY_PROCESS);
  });
  await expect(failed).rejects.toMatchObject({ code: 'service_unavailable' });
  expect(await db.transaction((transaction) => transaction.query(sql`select 1 as one`))).toEqual([{ one: 1 }]);
});

test('a transaction whose connection breaks before its COMMIT has no effect', async () => {
  await db.query(sql`create table survivors (name text)`);
  const failed = db.transaction(async (transaction) => {
    const [row] = await transaction.query(MY_PROCESS);
    await transaction.query(sql`insert into survivors values ('none')`);
    await terminate(row?.pid);
  });
  await expect(failed).rejects.toMatchObject({ code: 'service_unavailable' });
  expect(await db.query(sql`select * from survivors`)).toEqual([]);
});
