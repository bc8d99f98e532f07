import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Database, openDatabase } from '../../src/kernel/database.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ target: database.target, poolSize: 2, log: createLogger('fatal') });
  await db.query(sql`
    insert into repositories (tenant_id, repo_key, repo_type, created_at, created_by)
    values ('default', 'apps', 'local', now(), 'seed')`);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

type Columns = Record<string, string>;

const DIGEST = `'${'a'.repeat(64)}'`;

const INITIATED: Columns = {
  upload_id: 'gen_random_uuid()',
  tenant_id: `'default'`,
  repo_id: '(select repo_id from repositories)',
  state: `'initiated'`,
  expected_digest: DIGEST,
  expected_length_bytes: '1',
  created_at: 'now()',
  created_by: `'seed'`,
  expires_at: `now() + interval '1 day'`,
  updated_at: 'now()',
  object_key: `'key'`,
};
const UPLOADING = { ...INITIATED, state: `'parts_uploading'`, multipart_id: `'m'`, checksummed: 'false' };
const PENDING = { ...UPLOADING, state: `'pending_commit'`, completed_at: 'now()', object_length_bytes: '1' };
const COMMITTED = { ...PENDING, state: `'committed'`, blob_digest: DIGEST, ended_at: 'now()' };
const ABORTED = { ...UPLOADING, state: `'aborted'`, abort_reason: `'client_abort'`, ended_at: 'now()' };
const { object_key: _none, ...WITHOUT_KEY } = INITIATED;
const DEDUPED = { ...WITHOUT_KEY, state: `'committed'`, deduped: 'true', blob_digest: DIGEST, ended_at: 'now()' };

async function insert(columns: Columns): Promise<void> {
  const names = Object.keys(columns).join(', ');
  await db.query(sql.raw(`insert into upload_sessions (${names}) values (${Object.values(columns).join(', ')})`));
}

test.each([
  ['initiated', INITIATED],
  ['parts_uploading', UPLOADING],
  ['parts_uploading, by one request', { ...INITIATED, state: `'parts_uploading'`, single_request: 'true' }],
  ['pending_commit', PENDING],
  ['committed', COMMITTED],
  ['committed by dedupe', DEDUPED],
  ['aborted', ABORTED],
  ['aborted by mismatch', { ...ABORTED, actual_length_bytes: '2' }],
])('the database takes a session that is %s', async (_what, columns) => {
  await expect(insert(columns)).resolves.toBeUndefined();
});

test.each<[string, Columns]>([
  ['of a state that there is not', { ...INITIATED, state: `'finished'` }],
  ['of no state', { ...INITIATED, state: 'null' }],
  ['with a digest in upper case', { ...INITIATED, expected_digest: `'${'A'.repeat(64)}'` }],
  ['with a digest that is too short', { ...INITIATED, expected_digest: `'abc'` }],
  ['with a length below zero', { ...INITIATED, expected_length_bytes: '-1' }],
  ['of a repository that there is not', { ...INITIATED, repo_id: '4711' }],
  ['that expires before it begins', { ...INITIATED, expires_at: `now() - interval '1 second'` }],
  ['initiated without its key', { ...INITIATED, object_key: 'null' }],
  ['initiated with a multipart upload', { ...INITIATED, multipart_id: `'m'` }],
  ['initiated with the mode of its parts', { ...INITIATED, checksummed: 'true' }],
  ['parts_uploading without its multipart upload', { ...UPLOADING, multipart_id: 'null' }],
  ['parts_uploading without the mode of its parts', { ...UPLOADING, checksummed: 'null' }],
  ['pending_commit without its key', { ...PENDING, object_key: 'null' }],
  ['pending_commit without the length of its object', { ...PENDING, object_length_bytes: 'null' }],
  ['pending_commit without the time of its completion', { ...PENDING, completed_at: 'null' }],
  ['committed without a blob', { ...COMMITTED, blob_digest: 'null' }],
  ['committed with another blob', { ...COMMITTED, blob_digest: `'${'b'.repeat(64)}'` }],
  ['committed without its end', { ...COMMITTED, ended_at: 'null' }],
  ['committed with a reason to abort', { ...COMMITTED, abort_reason: `'client_abort'` }],
  ['committed with another length', { ...COMMITTED, actual_length_bytes: '2' }],
  ['not committed, with a blob', { ...PENDING, blob_digest: DIGEST }],
  ['aborted without a reason', { ...ABORTED, abort_reason: 'null' }],
  ['aborted with an empty reason', { ...ABORTED, abort_reason: `''` }],
  ['aborted with a reason of 257 characters', { ...ABORTED, abort_reason: `repeat('x', 257)` }],
  ['aborted without its end', { ...ABORTED, ended_at: 'null' }],
  ['live, with an end', { ...UPLOADING, ended_at: 'now()' }],
  ['live, with a reason to abort', { ...UPLOADING, abort_reason: `'expired'` }],
  ['live, with another length', { ...PENDING, actual_length_bytes: '2' }],
  ['deduped, but not committed', { ...ABORTED, deduped: 'true' }],
])('the database refuses a session %s', async (_what, columns) => {
  await expect(insert(columns)).rejects.toThrow(/violates (check|not-null|foreign key) constraint/);
});

test('the database refuses a second session of the same id', async () => {
  const upload_id = `'01890a5d-ac96-774b-bcce-b302099a8057'`;
  await insert({ ...INITIATED, upload_id });
  await expect(insert({ ...INITIATED, upload_id })).rejects.toThrow(/duplicate key/);
});
