import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { startTestServer } from '../support/test-server.ts';
test('escape', async () => {
  const server = await startTestServer();
  const { db } = server.running.services;
  await db.query(sql`create table t (x int)`);
  const late = { error: undefined as unknown };
  await db.transaction(async (tx) => {
    const a = tx.query(sql`select 1`).then(() => { throw new Error('gone'); });
    const b = tx.query(sql`select pg_sleep(0.05)`).then(() => tx.query(sql`insert into t values (1)`)).catch((e) => { late.error = e; });
    await Promise.all([a, b]);
  }).catch(() => undefined);
  await new Promise((r) => setTimeout(r, 200));
  console.log(await db.query(sql`select * from t`), late.error);
  await server.close();
});
