import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sealAudit } from '../../src/audit/seal.ts';
import { keysOf } from '../../src/audit/verify-export.ts';
import { issue } from '../access/tokens.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { exported, verified } from './exported.ts';

let server: TestServer;
let lines: string[];

beforeAll(async () => {
  server = await startTestServer();
  for (let batch = 0; batch < 4; batch += 1) {
    for (let row = 0; row < 3; row += 1) await issue(server, { subject: `s${row}`, scopes: ['repo:x:read'] });
    await sealAudit(server.running.services);
  }
  lines = await exported(server);
});

afterAll(() => server.close());

const typeOf = (line: string): string => JSON.parse(line).type;
const indexOf = (type: string, nth: number): number =>
  lines.flatMap((line, index) => (typeOf(line) === type ? [index] : []))[nth] ?? -1;

/** Changes the export's lines as somebody would who has the file. */
type Tampering = (copy: string[]) => void;

function editRow(copy: string[], change: (row: Record<string, unknown>) => void): void {
  const index = indexOf('row', 5);
  const line = JSON.parse(copy[index] ?? '');
  change(line.row);
  copy[index] = JSON.stringify(line);
}

function swap(copy: string[], left: number, right: number): void {
  [copy[left], copy[right]] = [copy[right] ?? '', copy[left] ?? ''];
}

const TAMPERINGS: Record<string, Tampering> = {
  'an actor is changed': (copy) => editRow(copy, (row) => (row.actor = 'mallory')),
  'a time is changed': (copy) => editRow(copy, (row) => (row.occurredAtUtc = '2020-01-01T00:00:00.000Z')),
  'a detail is changed': (copy) => editRow(copy, (row) => (row.details = { ...Object(row.details), subject: 'm' })),
  'a detail is added': (copy) => editRow(copy, (row) => (row.details = { ...Object(row.details), extra: 1 })),
  'a row is removed': (copy) => void copy.splice(indexOf('row', 5), 1),
  'a row is doubled': (copy) => void copy.splice(indexOf('row', 5), 0, copy[indexOf('row', 5)] ?? ''),
  'a row is exchanged for another': (copy) => (copy[indexOf('row', 5)] = copy[indexOf('row', 1)] ?? ''),
  'two rows of a batch change places': (copy) => swap(copy, indexOf('row', 5), indexOf('row', 6)),
  'two rows of two batches change places': (copy) => swap(copy, indexOf('row', 2), indexOf('row', 8)),
  'two checkpoints change places': (copy) => swap(copy, indexOf('checkpoint', 1), indexOf('checkpoint', 2)),
  'a whole batch is removed': (copy) =>
    void copy.splice(indexOf('checkpoint', 0) + 1, indexOf('checkpoint', 1) - indexOf('checkpoint', 0)),
  // Behind the header and the statement of the epoch.
  'the first batch is removed': (copy) => void copy.splice(2, indexOf('checkpoint', 0) - 1),
  'the statement of the epoch is removed': (copy) => void copy.splice(indexOf('epoch', 0), 1),
  'a checkpoint is removed': (copy) => void copy.splice(indexOf('checkpoint', 1), 1),
  'a batch is doubled': (copy) => void copy.splice(1, 0, ...copy.slice(1, indexOf('checkpoint', 0) + 1)),
  'the last batch is cut off': (copy) => void copy.splice(indexOf('checkpoint', 2) + 1),
  'a line is garbage': (copy) => void copy.splice(2, 0, '{"type":"row"'),
};

describe('the verification of an export', () => {
  test('finds nothing where nothing was done', async () => {
    expect(await verified(lines)).toMatchObject({ problems: [], batches: 4, firstBatch: 1, lastBatch: 4 });
  });

  test.each(Object.entries(TAMPERINGS))('sees that %s', async (name, tamper) => {
    const copy = [...lines];
    tamper(copy);
    expect(copy).not.toEqual(lines);
    const first = await verified(lines);
    const report = await verified(copy, { expectedCheckpoint: first.lastCheckpoint });
    // An export may begin later; that the beginning is missing is told, not guessed at.
    if (name === 'the first batch is removed') expect(report).toMatchObject({ problems: [], firstBatch: 2 });
    else expect(report.problems).not.toEqual([]);
  });

  test('sees that the trail was cut off at a batch, by a checkpoint that is kept elsewhere', async () => {
    const { lastCheckpoint } = await verified(lines);
    const cut = [...lines.slice(0, indexOf('checkpoint', 2) + 1), lines.at(-1) ?? ''];
    expect((await verified(cut)).problems).toEqual([]);
    const report = await verified(cut, { expectedCheckpoint: lastCheckpoint });
    expect(report.problems).toEqual([`the chain does not hold the checkpoint ${lastCheckpoint}`]);
  });

  test('takes no key that is not trusted', async () => {
    const stranger = await startTestServer();
    const [key] = (await stranger.request('GET', '/v1/keys')).json.items;
    await sealAudit(stranger.running.services);
    const theirs = await exported(stranger);
    await stranger.close();
    const keys = keysOf([Buffer.from(key.jwk.x, 'base64url')]);
    expect((await verified(theirs, { keys })).problems).toEqual([]);
    expect((await verified(lines, { keys })).problems[0]).toContain('unknown_key');
  });

  test('of a part goes on from a later batch', async () => {
    const report = await verified(await exported(server, 3));
    expect(report).toMatchObject({ problems: [], firstBatch: 3, lastBatch: 4 });
  });
});

describe('what is changed in the database', () => {
  const attempts: [string, ReturnType<typeof sql>][] = [
    ['an edited row', sql`update audit_events set actor = 'mallory' where batch_number = 2`],
    [
      'a removed row',
      sql`delete from audit_events where audit_id = (select min(audit_id) from audit_events where batch_number = 3)`,
    ],
    [
      'an inserted row',
      sql`insert into audit_events (tenant_id, actor, action, resource_type, resource_id, occurred_at, details, batch_number)
        overriding system value
        select tenant_id, 'forged', action, resource_type, resource_id, occurred_at, details, 4 from audit_events limit 1`,
    ],
  ];

  test.each(attempts)('shows in the next export: %s', async (_name, statement) => {
    const before = (await verified(await exported(server))).problems.length;
    await server.running.services.db.query(statement);
    await server.running.services.db.query(
      sql`update audit_batches set last_audit_id = (select max(audit_id) from audit_events) where batch_number = 4`,
    );
    expect((await verified(await exported(server))).problems.length).toBeGreaterThan(before);
  });
});
