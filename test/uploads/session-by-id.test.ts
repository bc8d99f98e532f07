import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULT_TENANT } from '../../src/access/model.ts';
import { repoKeySchema } from '../../src/access/repo-key.ts';
import { type Database, openDatabase, type Queryable } from '../../src/kernel/database.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { objectKey } from '../../src/objects/keys.ts';
import { uploadIdSchema } from '../../src/uploads/model.ts';
import { findSession, isTakingParts } from '../../src/uploads/session-store.ts';
import { recordAbort, recordCommit, recordPartRequest } from '../../src/uploads/transition-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { indexesOf, planOf } from './plans.ts';

const UPLOAD_ID = uploadIdSchema.parse('01890000-0000-7000-8000-000000000001');
const REPO_KEY = repoKeySchema.parse('libs');
const NOW = new Date();
const ATTRIBUTION = { tenantId: DEFAULT_TENANT, actor: 'tester', requestId: null, at: NOW };
const EVENT = { action: 'upload.committed', resourceId: UPLOAD_ID, repoKey: REPO_KEY, details: {} } as const;

let database: TestDatabase;
let db: Database;

/** As on a large table after a quiet night: by the statistics nothing is live, and they are renewed only after many more changes. */
beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ target: database.target, poolSize: 2, log: createLogger('fatal') });
  await db.query(sql`
    insert into repositories (tenant_id, repo_key, repo_type, created_at, created_by) values ('default', ${REPO_KEY}, 'local', now(), 'seed')`);
  await db.query(sql`
    insert into upload_sessions (upload_id, tenant_id, repo_id, state, expected_digest, expected_length_bytes, created_at, created_by,
      expires_at, updated_at, object_key, completed_at, object_length_bytes, blob_digest, ended_at)
    select case n when 1 then ${UPLOAD_ID}::uuid else gen_random_uuid() end, 'default', (select repo_id from repositories), 'committed',
      digest, 1, now(), 'seed', now() + interval '1 day', now(), 'key ' || n, now(), 1, digest, now()
    from (select n, encode(sha256(n::text::bytea), 'hex') as digest from generate_series(1, 20000) n) seed`);
  await db.query(sql`analyze upload_sessions, repositories`);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

const session = () => findSession(db, DEFAULT_TENANT, REPO_KEY, UPLOAD_ID);
const cleanup = { firstAt: NOW, againAt: NOW };

test.each<[string, (explaining: Queryable) => Promise<unknown>]>([
  ['asks for parts', async (explaining) => recordPartRequest(explaining, ATTRIBUTION, await session(), EVENT)],
  ['is committed', async (explaining) => recordCommit(explaining, ATTRIBUTION, await session(), EVENT)],
  ['is aborted', async (explaining) => recordAbort(explaining, ATTRIBUTION, await session(), 'gone', EVENT, cleanup)],
  [
    'takes a part',
    async (explaining) => {
      const { expectedDigest } = await session();
      return isTakingParts(explaining, { uploadId: UPLOAD_ID, key: objectKey(expectedDigest, UPLOAD_ID) }, NOW);
    },
  ],
])('a session that %s is found by its id, and not among all that are live', async (_step, step) => {
  expect(indexesOf(await planOf(db, step))).toEqual(['upload_sessions_pkey']);
});
