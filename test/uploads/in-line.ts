import { sql } from 'kysely';
import { Client } from 'pg';
import { expect } from 'vitest';
import type { TestServer } from '../support/test-server.ts';
import { count } from './inspect.ts';

/**
 * Has requests meet in an order that is certain: while this holds the lock of the rows, each one is sent once the one before
 * waits in line behind it. Then they go, one after the other.
 * @returns their answers, in the order of `requests`.
 */
export async function inLine<Answer>(
  server: TestServer,
  lockedRows: string,
  requests: readonly (() => Promise<Answer>)[],
): Promise<Answer[]> {
  const holder = new Client(server.database.target);
  await holder.connect();
  try {
    await holder.query('begin');
    await holder.query(lockedRows);
    const answers: Promise<Answer>[] = [];
    for (const request of requests) {
      answers.push(request());
      await expect.poll(() => waiting(server), { timeout: 5_000 }).toBe(answers.length);
    }
    await holder.query('commit');
    return await Promise.all(answers);
  } finally {
    await holder.end();
  }
}

async function waiting(server: TestServer): Promise<number> {
  return await count(
    server,
    sql<{ n: number }>`
      select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
}
