import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEFAULT_TENANT } from '../../src/access/model.ts';
import { repoKeySchema } from '../../src/access/repo-key.ts';
import { type Database, openDatabase } from '../../src/kernel/database.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { findRepository } from '../../src/repositories/store.ts';
import { listAbandonedVerifications } from '../../src/uploads/lease-store.ts';
import { UPLOAD_STATES } from '../../src/uploads/model.ts';
import { listOverdueSessions, listSessions } from '../../src/uploads/session-store.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { indexesOf, planOf, typesOf } from './plans.ts';

let database: TestDatabase;
let db: Database;
let repository: { repoId: number; repoKey: ReturnType<typeof repoKeySchema.parse> };

/** As in an installation that has run for a while: many repositories, nearly all sessions over, of the live ones few overdue. */
const SEED = sql`
  insert into upload_sessions (upload_id, tenant_id, repo_id, state, expected_digest, expected_length_bytes, created_at, created_by,
    expires_at, updated_at, object_key, multipart_id, checksummed, completed_at, object_length_bytes, blob_digest, abort_reason, ended_at)
  select gen_random_uuid(), 'default', repo_id, state, digest, 1, at, 'seed', at + interval '1 day', at, 'key ' || n,
    case when state <> 'initiated' then 'm' end, case when state <> 'initiated' then false end,
    case when state in ('pending_commit', 'committed') then at end, case when state in ('pending_commit', 'committed') then 1 end,
    case when state = 'committed' then digest end, case when state = 'aborted' then 'expired' end,
    case when state in ('committed', 'aborted') then at end
  from (
    select n, (select min(repo_id) from repositories) + n % 100 as repo_id, encode(sha256(n::text::bytea), 'hex') as digest,
      now() - n * interval '1 second' as at,
      case n % 50 when 0 then 'initiated' when 1 then 'parts_uploading' when 2 then 'pending_commit' when 3 then 'aborted'
        else 'committed' end as state
    from generate_series(1, 100000) n
  ) seed`;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ target: database.target, poolSize: 2, log: createLogger('fatal') });
  await db.query(sql`
    insert into repositories (tenant_id, repo_key, repo_type, created_at, created_by)
    select 'default', 'repo-' || n, 'local', now(), 'seed' from generate_series(1, 100) n`);
  await db.query(SEED);
  await db.query(sql`analyze upload_sessions, repositories`);
  const found = await findRepository(db, DEFAULT_TENANT, repoKeySchema.parse('repo-7'));
  if (found === undefined) throw new Error('the seed has no repo-7');
  repository = found;
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

test.each(UPLOAD_STATES)(
  'among 100,000 sessions, those of a repository that are %s are found by their index',
  async (state) => {
    const plan = await planOf(db, (explaining) => listSessions(explaining, repository, state, undefined, 101));
    expect(indexesOf(plan)).toEqual(['upload_sessions_repository_state']);
    expect(typesOf(plan)).not.toContain('Seq Scan');
  },
);

test('a later page of them is found by the same index, without sorting', async () => {
  const before = 'ffffffff-ffff-4fff-bfff-ffffffffffff';
  const plan = await planOf(db, (explaining) => listSessions(explaining, repository, 'committed', before, 101));
  expect(indexesOf(plan)).toEqual(['upload_sessions_repository_state']);
  expect(typesOf(plan)).not.toContain('Sort');
});

test('all sessions of a repository are found by an index, without sorting', async () => {
  const plan = await planOf(db, (explaining) => listSessions(explaining, repository, undefined, undefined, 101));
  expect(indexesOf(plan)).toEqual(['upload_sessions_repository_newest']);
  expect(typesOf(plan)).not.toContain('Sort');
});

test('the sweep finds what is overdue by the index of live sessions', async () => {
  const plan = await planOf(db, (explaining) => listOverdueSessions(explaining, new Date(), 100));
  expect(indexesOf(plan)).toContain('upload_sessions_overdue');
  expect(typesOf(plan)).not.toContain('Sort');
});

test('what is being verified and has lost its verifier is found by an index', async () => {
  const plan = await planOf(db, (explaining) => listAbandonedVerifications(explaining, new Date(), 100));
  expect(indexesOf(plan)).toContain('upload_sessions_verifying');
});

test('the index of the sweep holds live sessions alone', async () => {
  const [size] = await db.query(sql<{ share: number }>`
    select pg_relation_size('upload_sessions_overdue')::float8 / pg_relation_size('upload_sessions_repository_state') as share`);
  expect(size?.share).toBeLessThan(0.1);
});
