import { type RawBuilder, sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Database, openDatabase, type Queryable } from '../../src/kernel/database.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { createBacklogMeter } from '../../src/worker/backlog.ts';
import { COUNTED_ROWS, countDueJobs, countLiveSessions, countUnsealedRows } from '../../src/worker/backlog-store.ts';
import { createTestClock } from '../support/test-clock.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const ROWS = 60_000;
/** Of each table: live sessions, due jobs, unsealed rows. More than are counted. */
const OPEN = COUNTED_ROWS + 500;

let database: TestDatabase;
let db: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ target: database.target, poolSize: 2, log: createLogger('fatal') });
  await db.query(sql`
    insert into repositories (tenant_id, repo_key, repo_type, created_at, created_by)
    values ('default', 'apps', 'local', now(), 'seed')`);
  await db.query(sql`
    insert into upload_sessions (upload_id, tenant_id, repo_id, state, expected_digest, expected_length_bytes, created_at,
      created_by, expires_at, updated_at, object_key, blob_digest, ended_at)
    select gen_random_uuid(), 'default', (select repo_id from repositories), case when n <= ${OPEN} then 'initiated' else 'committed' end,
      digest, 1, now(), 'seed', now() + n * interval '1 second', now(), 'key ' || n,
      case when n > ${OPEN} then digest end, case when n > ${OPEN} then now() end
    from (select n, encode(sha256(n::text::bytea), 'hex') as digest from generate_series(1, ${ROWS}::int) n) seed`);
  await db.query(sql`
    insert into jobs (tenant_id, kind, payload, created_at, run_at)
    select 'default', 'object.purge', '{}', now(), now() + (n - ${OPEN}) * interval '1 second'
    from generate_series(1, ${ROWS}::int) n`);
  await db.query(sql`
    insert into audit_events (tenant_id, actor, action, resource_type, resource_id, occurred_at, details, batch_number)
    select 'default', 'seed', 'upload.committed', 'upload_session', n::text, now(), '{}', case when n > ${OPEN} then 1 end
    from generate_series(1, ${ROWS}::int) n`);
  await db.query(sql`analyze upload_sessions, jobs, audit_events`);
});

afterAll(async () => {
  await db.close();
  await database.drop();
});

interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  'Actual Rows': number;
  Plans?: PlanNode[];
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}

/** Runs a query of the product itself, and answers what the database did for it, step by step. */
async function planOf(query: (db: Queryable) => Promise<unknown>): Promise<PlanNode[]> {
  let plan: PlanNode[] = [];
  await query({
    async query<Row>(statement: RawBuilder<Row>): Promise<Row[]> {
      const explain = sql<{ 'QUERY PLAN': { Plan: PlanNode }[] }>`explain (analyze, format json) ${statement}`;
      const [row] = await db.query(explain);
      plan = (row?.['QUERY PLAN'] ?? []).flatMap(({ Plan }) => nodesOf(Plan));
      return [];
    },
  });
  return plan;
}

const now = () => new Date(Date.now() + 60_000);

describe.each([
  ['live sessions', 'upload_sessions_overdue', (queryable: Queryable) => countLiveSessions(queryable)],
  ['due jobs', 'jobs_due', (queryable: Queryable) => countDueJobs(queryable, now())],
  ['unsealed rows', 'audit_events_unsealed', (queryable: Queryable) => countUnsealedRows(queryable)],
])('the count of %s', (_name, index, count) => {
  test('goes by its index', async () => {
    const scans = (await planOf(count)).filter(
      (node) => node['Node Type'].includes('Scan') && node.Plans === undefined,
    );
    expect(scans.map((scan) => scan['Index Name'])).toEqual([index]);
  });

  test('reads no more rows than it counts', async () => {
    const read = (await planOf(count)).map((node) => node['Actual Rows']);
    expect(Math.max(...read)).toBe(COUNTED_ROWS);
  });
});

test('the meter tells what there is', async () => {
  const clock = createTestClock();
  clock.advance({ seconds: 60 });
  const meter = createBacklogMeter({ db, clock });
  expect(meter.last()).toBeUndefined();
  await meter.measure();
  expect(meter.last()).toMatchObject({
    sessions: { initiated: COUNTED_ROWS, parts_uploading: 0, pending_commit: 0 },
    jobsDue: COUNTED_ROWS,
    unsealedRows: COUNTED_ROWS,
  });
  expect(meter.last()?.oldestJobMs).toBeGreaterThan(OPEN * 1000);
  expect(meter.last()?.oldestUnsealedMs).toBeGreaterThanOrEqual(60_000);
});

test('the meter counts again only after a while, however often it is asked', async () => {
  const clock = createTestClock();
  const meter = createBacklogMeter({ db, clock });
  await meter.measure();
  const first = meter.last();
  await meter.measure();
  const early = meter.last();
  clock.advance({ seconds: 15 });
  await meter.measure();
  expect([early === first, meter.last() === first]).toEqual([true, false]);
});
