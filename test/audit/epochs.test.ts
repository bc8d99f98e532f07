import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { compareTrails } from '../../src/audit/compare-trails.ts';
import { openDeclaredEpoch } from '../../src/audit/epoch.ts';
import { readHistory } from '../../src/audit/epoch-store.ts';
import { sealAudit } from '../../src/audit/seal.ts';
import { issue } from '../access/tokens.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { exported, verified } from './exported.ts';

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer();
  for (const subject of ['first', 'second', 'third']) await writeAndSeal(subject);
});

afterEach(() => server.close());

async function writeAndSeal(subject: string): Promise<void> {
  await issue(server, { subject, scopes: ['repo:x:read'] });
  await sealAudit(server.running.services);
}

/** What a restore to before the last batch leaves of it. The database itself is restored in test/slow/backup. */
async function loseLastBatch(): Promise<void> {
  const { db } = server.running.services;
  await db.query(sql`delete from audit_events where batch_number = 3`);
  await db.query(sql`delete from audit_batches where batch_number = 3`);
}

/** The database goes on on another timeline than it was when the epoch was opened. */
async function changeTimeline(): Promise<void> {
  await server.running.services.db.query(sql`update audit_epochs set timeline = timeline + 7`);
}

const linesOf = (lines: readonly string[]) =>
  async function* () {
    yield* lines;
  };

async function compared(earlier: readonly string[], later: readonly string[]) {
  return await compareTrails(linesOf(earlier), linesOf(later), {});
}

describe('the trail of a restored database', () => {
  test('goes on in a new epoch, and says so when it is verified', async () => {
    await loseLastBatch();
    await changeTimeline();
    await writeAndSeal('after');
    const history = await readHistory(server.running.services.db);
    const { problems, epochs, lastBatch } = await verified(await exported(server));
    expect({ problems, lastBatch }).toEqual({ problems: [], lastBatch: 3 });
    expect(epochs).toMatchObject([
      { epoch: 1, afterBatch: 0, reason: 'first' },
      { epoch: 2, afterBatch: 2, reason: 'database', database: history },
    ]);
  });

  test('tells of the restore also before anything was sealed in the new epoch', async () => {
    const before = await exported(server);
    await loseLastBatch();
    await changeTimeline();
    expect(await sealAudit(server.running.services)).toBe(0);
    const after = await exported(server);
    expect(await verified(after)).toMatchObject({ problems: [], lastBatch: 2, epochs: [{ epoch: 1 }, { epoch: 2 }] });
    expect((await compared(before, after)).comparison).toMatchObject({ explainedBy: { epoch: 2 }, problems: [] });
  });

  test('held against an export from before it names the rows that are lost', async () => {
    const before = await exported(server);
    await loseLastBatch();
    await changeTimeline();
    await writeAndSeal('after');
    const { comparison } = await compared(before, await exported(server));
    expect(comparison).toMatchObject({ lastCommonBatch: 2, lostBatches: 1, explainedBy: { epoch: 2 }, problems: [] });
    expect(comparison.lostRows.map(({ details }) => details)).toEqual([expect.objectContaining({ subject: 'third' })]);
  });

  test('does not count as lost what was only sealed again', async () => {
    const before = await exported(server);
    const { db } = server.running.services;
    await db.query(sql`delete from audit_batches where batch_number = 3`);
    await db.query(sql`update audit_events set batch_number = null where batch_number = 3`);
    await changeTimeline();
    await writeAndSeal('after');
    const { comparison } = await compared(before, await exported(server));
    expect(comparison).toMatchObject({ lostBatches: 1, lostRows: [], problems: [] });
  });

  test('that lacks an expected checkpoint points to the epoch that may be why', async () => {
    const { lastCheckpoint } = await verified(await exported(server));
    await loseLastBatch();
    await changeTimeline();
    await writeAndSeal('after');
    const { problems } = await verified(await exported(server), { expectedCheckpoint: lastCheckpoint });
    expect(problems).toEqual([
      expect.stringMatching(/does not hold the checkpoint .*new epoch was opened behind batch 2 at/),
    ]);
  });

  test('is exported from a later batch on with the epoch of that batch', async () => {
    await changeTimeline();
    await writeAndSeal('after');
    await writeAndSeal('later');
    const report = await verified(await exported(server, 5));
    expect(report).toMatchObject({ problems: [], firstBatch: 5, epochs: [{ epoch: 2 }] });
  });
});

describe('a history that was rewritten', () => {
  test('without an epoch is told from a restore', async () => {
    const before = await exported(server);
    await loseLastBatch();
    await writeAndSeal('forged');
    const after = await exported(server);
    expect((await verified(after)).problems).toEqual([]);
    const { comparison } = await compared(before, after);
    expect(comparison.problems).toEqual([expect.stringContaining('no epoch says why')]);
  });

  test('is seen where the statement of an epoch was cut out, or moved', async () => {
    await changeTimeline();
    await writeAndSeal('after');
    const lines = await exported(server);
    const at = lines.findLastIndex((line) => line.startsWith('{"type":"epoch"'));
    const without = lines.toSpliced(at, 1);
    expect((await verified(without)).problems).toEqual([expect.stringContaining('is of another epoch')]);
    const moved = without.toSpliced(2, 0, lines[at] ?? '');
    expect((await verified(moved)).problems).not.toEqual([]);
  });
});

describe('an operator', () => {
  test('declares what the database does not show', async () => {
    await loseLastBatch();
    // The database itself has changed, too: two epochs behind the same batch.
    await changeTimeline();
    await openDeclaredEpoch(server.running.services, 'put back from a copy');
    await writeAndSeal('after');
    const { problems, epochs } = await verified(await exported(server));
    expect(problems).toEqual([]);
    for (const fromBatch of [2, 3, 4]) expect((await verified(await exported(server, fromBatch))).problems).toEqual([]);
    expect(epochs).toMatchObject([
      { epoch: 1 },
      { epoch: 2, afterBatch: 2, reason: 'database' },
      { epoch: 3, afterBatch: 2, reason: 'declared', note: 'put back from a copy' },
    ]);
  });
});

test('an unchanged database stays in its epoch', async () => {
  expect((await verified(await exported(server))).epochs).toHaveLength(1);
});
