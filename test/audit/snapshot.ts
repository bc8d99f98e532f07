import { sql } from 'kysely';
import type { TestServer } from '../support/test-server.ts';

const TABLES = [
  'tokens',
  'repositories',
  'repository_members',
  'role_bindings',
  'blobs',
  'blob_references',
  'upload_sessions',
  'jobs',
  'audit_events',
];

const NO_CHANGE = ['last_used_at', 'verification_owner', 'verification_until', 'verification_fence', 'verified_bytes'];

/**
 * Everything that requests change, as text. When tokens were last used, and who is reading what to verify it, is no change.
 * @param except tables that don't count.
 */
export async function snapshotOf(server: TestServer, except: readonly string[] = []): Promise<string> {
  const { db } = server.running.services;
  const counted = TABLES.filter((table) => !except.includes(table));
  const tables = await Promise.all(
    counted.map((table) =>
      db.query(sql<{ row: string }>`
        select (to_jsonb(t) - ${NO_CHANGE}::text[])::text as row from ${sql.table(table)} t order by 1`),
    ),
  );
  return JSON.stringify(tables);
}
