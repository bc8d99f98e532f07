import { sql } from 'kysely';
import { Client } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { rowProofSchema, verifyRowProof } from '../../src/audit/row-proof.ts';
import { removeOldAudit, sealAudit } from '../../src/audit/seal.ts';
import { keysOf } from '../../src/audit/verify-export.ts';
import { issue } from '../access/tokens.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { exported, verified } from './exported.ts';
import { readTrail } from './trail.ts';

const RETENTION_DAYS = 30;

let server: TestServer;
let replica: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { auditRetentionDays: RETENTION_DAYS } });
  replica = await startTestServer({
    database: server.database,
    dataDirectory: server.dataDirectory,
    clock: server.clock,
  });
});

afterAll(async () => {
  await replica.close();
  await server.close();
});

beforeEach(() => writeRows(3));

/** Tokens are the cheapest thing that leaves a row. */
async function writeRows(count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => issue(server, { subject: 'alice', scopes: ['repo:x:read'] })));
}

async function sealedIds(): Promise<number[]> {
  const lines = await exported(server);
  return lines
    .map((line) => JSON.parse(line))
    .filter(({ type }) => type === 'row')
    .map(({ row }) => Number(row.auditId));
}

async function trailIds(): Promise<number[]> {
  return (await readTrail(server)).map(({ auditId }) => Number(auditId)).sort((left, right) => left - right);
}

describe('the sealed trail', () => {
  test('holds every row once, and is proved by the key that the server publishes', async () => {
    await sealAudit(server.running.services);
    await writeRows(2);
    await sealAudit(server.running.services);
    expect(await sealAudit(server.running.services)).toBe(0);

    const keys = (await server.request('GET', '/v1/keys', { token: null })).json.items;
    const trusted = keysOf(keys.map(({ jwk }: { jwk: { x: string } }) => Buffer.from(jwk.x, 'base64url')));
    const report = await verified(await exported(server), { keys: trusted });
    expect(report).toMatchObject({ problems: [], firstBatch: 1 });
    expect(await sealedIds()).toEqual(await trailIds());
  });

  test('misses no row that is committed late, behind a sealing', async () => {
    const late = new Client(server.database.target);
    await late.connect();
    await late.query('begin');
    const { rows } = await late.query<{ audit_id: string }>(`
      insert into audit_events (tenant_id, actor, action, resource_type, resource_id, occurred_at, details)
      values ('default', 'late', 'repo.created', 'repository', 'late', now(), '{}') returning audit_id`);
    const lateId = Number(rows[0]?.audit_id);
    await writeRows(1);
    await sealAudit(server.running.services);
    expect(await sealedIds()).not.toContain(lateId);

    await late.query('commit');
    await late.end();
    await sealAudit(server.running.services);
    expect((await sealedIds()).sort((left, right) => left - right)).toEqual(await trailIds());
    expect((await verified(await exported(server))).problems).toEqual([]);
  });

  test('is one chain, however many processes seal at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      await writeRows(4);
      await Promise.all([server, replica, server, replica].map(({ running }) => sealAudit(running.services)));
    }
    await sealAudit(server.running.services);
    expect((await verified(await exported(server))).problems).toEqual([]);
    expect(await sealedIds()).toHaveLength((await trailIds()).length);
  });

  test('goes on after a crash in the middle, with no half batch', async () => {
    const { services } = server.running;
    const failing = {
      ...services,
      db: {
        ...services.db,
        transaction: <Result>(work: Parameters<typeof services.db.transaction<Result>>[0]) =>
          services.db.transaction<Result>(async (transaction) => {
            await work(transaction);
            throw new Error('the process dies before COMMIT');
          }),
      },
    };
    await expect(sealAudit(failing)).rejects.toThrow('dies');
    await sealAudit(services);
    expect((await verified(await exported(server))).problems).toEqual([]);
    expect(await sealedIds()).toHaveLength((await trailIds()).length);
  });

  test('seals more than fit in one batch', async () => {
    await server.running.services.db.query(sql`
      insert into audit_events (tenant_id, actor, action, resource_type, resource_id, occurred_at, details)
      select 'default', 'many', 'authz.denied', 'route', n::text, now(), jsonb_build_object('n', n)
      from generate_series(1, 4500) n`);
    expect(await sealAudit(server.running.services)).toBeGreaterThanOrEqual(4500);
    const report = await verified(await exported(server));
    expect(report.problems).toEqual([]);
    expect(report.rows).toBeGreaterThanOrEqual(4500);
  });
});

describe('the proof of a row', () => {
  async function proofOf(auditId: string) {
    return await server.request('GET', `/v1/audit/${auditId}/proof`);
  }

  test('convinces with the public key alone, and not of another row', async () => {
    await sealAudit(server.running.services);
    const [row] = await readTrail(server, { action: 'auth.pat.issued', limit: '1' });
    const reply = await proofOf(row?.auditId ?? '');
    expect(reply.status).toBe(200);
    const proof = rowProofSchema.parse(reply.json);
    expect(proof.row).toEqual(row);
    const [key] = (await server.request('GET', '/v1/keys')).json.items;
    const keys = keysOf([Buffer.from(key.jwk.x, 'base64url')]);
    expect(verifyRowProof(proof, keys)).toMatchObject({ rows: expect.any(Number) });
    expect(verifyRowProof({ ...proof, row: { ...proof.row, actor: 'mallory' } }, keys)).toContain('not the one');
    expect(verifyRowProof({ ...proof, index: proof.index + 1 }, keys)).toContain('not the one');
    expect(verifyRowProof(proof, new Map())).toContain('not signed');
  });

  test('of a row that is not sealed yet is a conflict, and of none a 404', async () => {
    await sealAudit(server.running.services);
    await writeRows(1);
    const [row] = await readTrail(server, { limit: '1' });
    expectError(await proofOf(row?.auditId ?? ''), 409, 'conflict');
    expectError(await proofOf('999999999'), 404, 'not_found');
    expectError(await proofOf('nonsense'), 400, 'bad_request');
  });
});

test('checkpoints are listed newest first, page by page', async () => {
  await sealAudit(server.running.services);
  const first = await server.request('GET', '/v1/audit/checkpoints?limit=1');
  const [newest] = first.json.items;
  const next = await server.request('GET', `/v1/audit/checkpoints?limit=1&cursor=${first.json.nextCursor}`);
  expect(next.json.items[0].batch).toBe(newest.batch - 1);
  const payload = JSON.parse(Buffer.from(newest.checkpoint.payload, 'base64').toString());
  expect(payload).toMatchObject({ batch: newest.batch, previousCheckpoint: next.json.items[0].hash });
});

test('retention removes whole batches, and the chain stays provable', async () => {
  await sealAudit(server.running.services);
  const before = await verified(await exported(server));
  server.clock.advance({ seconds: (RETENTION_DAYS + 1) * 86_400 });
  expect(await removeOldAudit(replica.running.services)).toBe(0);
  expect(await removeOldAudit(server.running.services)).toBe(before.batches);
  const token = await server.issueToken('root', ['repo:*:admin'], 1440);
  await sealAudit(server.running.services);

  const lines = (await server.request('GET', '/v1/audit/export', { token })).bytes.toString().trimEnd().split('\n');
  const after = await verified(lines, { expectedCheckpoint: before.lastCheckpoint });
  expect(after).toMatchObject({ problems: [], removedBatches: before.batches, rows: 1, holdsExpected: true });
  const withoutStatement = lines.map((line) => JSON.stringify({ ...JSON.parse(line), removal: undefined }));
  expect((await verified(withoutStatement)).problems).toHaveLength(before.batches);
});
