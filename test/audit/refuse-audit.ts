import { sql } from 'kysely';
import type { TestServer } from '../support/test-server.ts';

/** A text that must never reach a client. */
export const REFUSAL_TEXT = 'the trail is refused for a test';

/** Does something while the database of this server refuses every audit row of this action. */
export async function whileAuditRefuses<Result>(
  server: TestServer,
  action: string,
  work: () => Promise<Result>,
): Promise<Result> {
  const { db } = server.running.services;
  await db.query(sql`
    create or replace function refuse_audit() returns trigger language plpgsql as
    $$ begin raise exception '${sql.raw(REFUSAL_TEXT)}'; end $$`);
  await db.query(sql`
    create trigger refuse_audit before insert on audit_events
    for each row when (new.action = ${sql.lit(action)}) execute function refuse_audit()`);
  try {
    return await work();
  } finally {
    await db.query(sql`drop trigger refuse_audit on audit_events`);
  }
}
