import { sql } from 'kysely';
import { Client } from 'pg';
import { expect } from 'vitest';
import type { TestServer } from '../support/test-server.ts';
import { count } from './inspect.ts';

/** Holds the rows that a statement locks or changes, until it is released; then the change counts. */
export async function holdRows(server: TestServer, statement: string): Promise<{ release(): Promise<void> }> {
  const holder = new Client(server.database.target);
  await holder.connect();
  await holder.query('begin');
  await holder.query(statement);
  return {
    async release() {
      await holder.query('commit');
      await holder.end();
    },
  };
}

/**
 * Has requests meet in an order that is certain: while the lock of the rows is held, each one is sent once the one before waits in
 * line behind it. Then they go, one after the other.
 * @returns their answers, in the order of `requests`.
 */
export async function inLine<Answer>(
  server: TestServer,
  lockingSelect: string,
  requests: readonly (() => Promise<Answer>)[],
): Promise<Answer[]> {
  const held = await holdRows(server, lockingSelect);
  const answers: Promise<Answer>[] = [];
  try {
    for (const request of requests) {
      answers.push(request());
      await expectWaiting(server, answers.length);
    }
  } finally {
    await held.release();
  }
  return await Promise.all(answers);
}

/** Waits until this many statements wait for a lock. */
export async function expectWaiting(server: TestServer, statements: number): Promise<void> {
  const waiting = sql<{ n: number }>`
    select count(*) as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await expect.poll(() => count(server, waiting), { timeout: 5_000, interval: 5 }).toBe(statements);
}
