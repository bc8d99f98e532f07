import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compareTrails } from '../../../src/audit/compare-trails.ts';
import { sealAudit } from '../../../src/audit/seal.ts';
import { createLogger } from '../../../src/kernel/log.ts';
import { backUp } from '../../../src/operator/backup.ts';
import type { FsckReport } from '../../../src/operator/fsck-report.ts';
import { type Restored, restore } from '../../../src/operator/restore.ts';
import { exported, verified } from '../../audit/exported.ts';
import type { TestServer } from '../../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../../support/uploading.ts';
import { startLoad } from '../outages/load.ts';
import { storesAtHand } from '../support/stores.ts';
import { makeInstallation, type OwnInstallation } from './own-installation.ts';

const DELETION_DELAY_SECONDS = 3600;
const log = createLogger('silent');

type PointKind = 'time' | 'lsn' | 'name';

/** One way to name the point for each store: what PostgreSQL makes of them does not depend on where the bytes are. */
const KINDS: Readonly<Record<string, PointKind>> = { folder: 'time', minio: 'name' };

describe.each(storesAtHand('folder', 'minio'))(
  'an installation on %s, restored to a point in time',
  (name, settings) => {
    let installation: OwnInstallation;
    let server: TestServer;
    let restored: Restored;
    /** Acknowledged before the point, and still referred to at it. */
    let before: string[];
    /** Acknowledged after it. */
    let after: string[];
    /** Deleted after the point, in time for its object to be kept. */
    const deleted = uniqueBytes();
    /** Deleted after the point, and longer ago than the deletion delay when the restore is made. */
    const deletedTooLongAgo = uniqueBytes();
    let trailAtThePoint: string[];
    let trailAtTheEnd: string[];
    let found: FsckReport;

    const read = (digest: string) => server.request('GET', `/v1/repos/apps/blobs/${digest}`);
    const drop = async (bytes: Buffer) => {
      const reply = await server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
      expect(reply.status).toBe(200);
    };

    beforeAll(async () => {
      installation = await makeInstallation({ ...settings(), deletionDelaySeconds: DELETION_DELAY_SECONDS });
      server = await installation.start();
      await server.createRepository('apps');

      const load = startLoad(server);
      await load.commits(15);
      await backUp(installation.settings, log, join(installation.folder, 'backup'));
      await load.commits(15);
      for (const bytes of [deleted, deletedTooLongAgo]) expect((await upload(server, 'apps', bytes)).status).toBe(200);
      before = [...(await load.stop()), sha256(deleted)];
      await sealAudit(server.running.services);
      trailAtThePoint = await exported(server);
      const target = await markPoint(installation, KINDS[name] ?? 'lsn');

      await drop(deletedTooLongAgo);
      server.clock.advance({ seconds: DELETION_DELAY_SECONDS + 1 });
      await server.runWorker();
      await drop(deleted);
      await server.runWorker();
      const moreLoad = startLoad(server);
      await moreLoad.commits(10);
      after = await moreLoad.stop();
      await sealAudit(server.running.services);
      trailAtTheEnd = await exported(server);
      await installation.archived();
      await installation.destroyDatabase();

      restored = await restore(installation.settings, log, {
        from: join(installation.folder, 'backup'),
        walArchive: installation.walArchive,
        target,
      });
      found = await installation.fsck({ repair: false });
      server = await installation.start(server.clock);
    });

    afterAll(async () => {
      await installation[Symbol.asyncDispose]();
    });

    test('goes on in a new timeline, and took nothing from the backup that was there', () => {
      expect([restored.timeline, restored.filesAdded]).toEqual([2, 0]);
    });

    test('has every blob that was acknowledged before the point, byte for byte', async () => {
      const wrong: string[] = [];
      for (const digest of before) {
        const reply = await read(digest);
        if (reply.status !== 200 || sha256(reply.bytes) !== digest) wrong.push(`${digest}: ${reply.status}`);
      }
      expect(before.length).toBeGreaterThan(30);
      expect(wrong).toEqual([]);
    });

    test('has the blob that was deleted after the point, since its object was kept', async () => {
      expect((await read(sha256(deleted))).bytes.equals(deleted)).toBe(true);
    });

    test('holds nothing of what came after', async () => {
      const statuses = await Promise.all(after.map(async (digest) => (await read(digest)).status));
      expect(new Set(statuses)).toEqual(new Set([404]));
    });

    test('is told by fsck what it lacks: only what was deleted longer ago than the delay; what came after are orphans', () => {
      const subjects = (problem: string) =>
        found.findings.filter((each) => each.problem === problem).map(({ subject }) => subject);
      expect(subjects('object_missing')).toEqual([sha256(deletedTooLongAgo)]);
      const orphans = subjects('orphan_object').map((key) => key.split('/').at(-2));
      expect(orphans).toEqual(expect.arrayContaining(after));
      const others = found.findings.filter(
        ({ problem }) => !/^(?:object_missing|orphan_object|orphan_multipart)$/.test(problem),
      );
      expect(others).toEqual([]);
    });

    test('tells in its trail that it was restored, and which rows that cost', async () => {
      await sealAudit(server.running.services);
      const lines = await exported(server);
      expect(await verified(lines)).toMatchObject({
        problems: [],
        epochs: [{ epoch: 1 }, { epoch: 2, reason: 'database' }],
      });
      const now = readerOf(lines);
      const sinceThePoint = await compareTrails(readerOf(trailAtThePoint), now, {});
      expect(sinceThePoint.comparison).toMatchObject({ lostRows: [], problems: [] });
      const sinceTheEnd = await compareTrails(readerOf(trailAtTheEnd), now, {});
      expect(sinceTheEnd.comparison).toMatchObject({ problems: [], explainedBy: { epoch: 2 } });
      const lost = sinceTheEnd.comparison.lostRows.filter(({ action }) => action === 'blob.reference.deleted');
      expect(lost.map(({ resourceId }) => resourceId)).toEqual([sha256(deletedTooLongAgo), sha256(deleted)]);
    });

    test('is clean after fsck --repair, and a push of what is damaged heals that', async () => {
      await server.close();
      const repaired = await installation.fsck({ repair: true });
      expect(repaired.findings.filter((finding) => !finding.repaired)).toEqual([]);
      server = await installation.start(server.clock);
      expect((await read(sha256(deletedTooLongAgo))).status).toBe(503);
      expect((await upload(server, 'apps', deletedTooLongAgo)).status).toBe(200);
      expect((await read(sha256(deletedTooLongAgo))).bytes.equals(deletedTooLongAgo)).toBe(true);
      await server.close();
      expect((await installation.fsck({ repair: false })).findings).toEqual([]);
    });
  },
);

const readerOf = (lines: readonly string[]) =>
  async function* () {
    yield* lines;
  };

/** Names this moment. What is committed next is behind it. */
async function markPoint(installation: OwnInstallation, kind: PointKind): Promise<{ kind: PointKind; value: string }> {
  if (kind === 'name') {
    await installation.sql("select pg_create_restore_point('before the mistake')");
    return { kind, value: 'before the mistake' };
  }
  const statement = kind === 'lsn' ? 'select pg_current_wal_lsn()::text' : 'select clock_timestamp()::text';
  const [value] = await installation.sql(statement);
  return { kind, value: String(value) };
}
