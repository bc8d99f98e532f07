import { mkdir, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestSchema } from '../../src/objects/digest.ts';
import { partFile, pathOf } from '../../src/objects/filesystem/layout.ts';
import { type ObjectKey, objectKey } from '../../src/objects/keys.ts';
import { fsck } from '../../src/operator/fsck.ts';
import type { FsckOptions, FsckReport } from '../../src/operator/fsck-report.ts';
import { createHashPool } from '../../src/uploads/hash-pool.ts';
import { objectPath } from '../blobs/support.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';

const DELETION_DELAY_SECONDS = 600;
const HOUR_MS = 3_600_000;

let server: TestServer;

beforeEach(async () => {
  // The clock makes leaps beside uploads.
  const settings = { deletionDelaySeconds: DELETION_DELAY_SECONDS, partUrlTtlSeconds: 7 * 86_400 };
  server = await startTestServer({ settings });
  await server.createRepository('apps');
});

afterEach(() => server.close());

async function check(options: Partial<FsckOptions> = {}): Promise<FsckReport> {
  const pool = createHashPool(
    { driver: 'filesystem', root: path.join(server.dataDirectory, 'objects') },
    { threads: 1, waiting: 1000 },
  );
  try {
    const all = { repair: false, readShare: 0, graceMs: 0, ...options };
    return await fsck(server.running.services, (object) => pool.hash(object, () => {}), all);
  } finally {
    await pool.close();
  }
}

async function found(options: Partial<FsckOptions> = {}): Promise<[string, string, boolean][]> {
  const { findings } = await check(options);
  return findings.map(({ problem, subject, repaired }) => [problem, subject, repaired]);
}

async function stored(length = 3000): Promise<{ bytes: Buffer; digest: string; file: string }> {
  const bytes = uniqueBytes(length);
  await upload(server, 'apps', bytes);
  const digest = sha256(bytes);
  return { bytes, digest, file: await objectPath(server, digest) };
}

const get = (digest: string) => server.request('GET', `/v1/repos/apps/blobs/${digest}`);
const trail = async (digest: string) =>
  (await server.request('GET', `/v1/audit?action=fsck.repaired&resourceId=${digest}`)).json.items.map(
    (row: { actor: string; details: { repair: string } }) => [row.actor, row.details.repair],
  );

test('an installation in order has no findings, also with sessions under way', async () => {
  await stored();
  await sendPart(server, await createSession(server, 'apps', uniqueBytes()), uniqueBytes());
  const report = await check({ readShare: 1, repair: true });
  expect(report).toEqual({
    blobs: 1,
    objects: 1,
    multiparts: 1,
    blobsRead: 1,
    bytesRead: 3000,
    young: 0,
    findings: [],
  });
});

describe('a blob whose bytes', () => {
  test('are gone is found, marked as damaged only by a repair, and healed by uploading it again', async () => {
    const { bytes, digest, file } = await stored();
    await rm(file);
    expect(await found()).toEqual([['object_missing', digest, false]]);
    expect(await found()).toEqual([['object_missing', digest, false]]);
    expect(await found({ repair: true })).toEqual([['object_missing', digest, true]]);
    expect([(await get(digest)).status, await trail(digest)]).toEqual([503, [['system', 'blob_damage']]]);
    expect(await found({ repair: true })).toEqual([['still_damaged', digest, false]]);
    expect((await upload(server, 'apps', bytes)).status).toBe(200);
    expect((await get(digest)).bytes.equals(bytes)).toBe(true);
    await server.runWorker();
    expect(await found({ readShare: 1 })).toEqual([]);
  });

  test('are others is found by reading alone', async () => {
    const { digest, file } = await stored();
    await writeFile(file, uniqueBytes(3000));
    expect([await found(), await found({ readShare: 1 })]).toEqual([[], [['object_corrupt', digest, false]]]);
    expect(await found({ readShare: 1, repair: true })).toEqual([['object_corrupt', digest, true]]);
    expect((await get(digest)).status).toBe(503);
  });

  test('have come back is made live again, after they were read', async () => {
    const { bytes, digest, file } = await stored();
    await rename(file, `${file}-away`);
    await found({ repair: true });
    await rename(`${file}-away`, file);
    expect(await found()).toEqual([['damaged_but_sound', digest, false]]);
    expect(await found({ repair: true })).toEqual([['damaged_but_sound', digest, true]]);
    expect((await get(digest)).bytes.equals(bytes)).toBe(true);
    expect(await trail(digest)).toEqual([
      ['system', 'blob_mend'],
      ['system', 'blob_damage'],
    ]);
  });

  test('are gone while it is condemned is told and left: it goes anyway', async () => {
    const { digest, file } = await stored();
    await server.request('DELETE', `/v1/repos/apps/blobs/${digest}`);
    await rm(file);
    expect(await found({ repair: true })).toEqual([['object_missing', digest, false]]);
    server.clock.advance({ seconds: DELETION_DELAY_SECONDS });
    await server.runWorker();
    expect(await found()).toEqual([]);
  });
});

describe('what the database has forgotten:', () => {
  test('a condemned blob without its job gets one', async () => {
    const { digest } = await stored();
    await server.request('DELETE', `/v1/repos/apps/blobs/${digest}`);
    expect(await found()).toEqual([]);
    await server.running.services.db.query(sql`delete from jobs`);
    expect(await found({ repair: true })).toEqual([['deletion_forgotten', digest, true]]);
    expect(await found()).toEqual([]);
    server.clock.advance({ seconds: DELETION_DELAY_SECONDS });
    await server.runWorker();
    expect(await check()).toMatchObject({ blobs: 0, objects: 0, findings: [] });
  });

  test('a blob that nothing refers to is condemned, and goes after the delay', async () => {
    const { digest } = await stored();
    await server.running.services.db.query(sql`delete from blob_references`);
    expect(await found({ repair: true })).toEqual([['unreferenced_blob', digest, true]]);
    expect(await found()).toEqual([]);
    server.clock.advance({ seconds: DELETION_DELAY_SECONDS });
    await server.runWorker();
    expect(await check()).toMatchObject({ blobs: 0, objects: 0, findings: [] });
  });
});

describe('what lies in the store', () => {
  /** As a crash of an older version, or a restored database, would leave it. */
  async function strand(complete: boolean): Promise<{ key: ObjectKey; digest: string; stray: string }> {
    const { digest, file } = await stored();
    const key = objectKey(digestSchema.parse(digest), server.running.services.ids.uuid());
    const attempt = pathOf(path.join(server.dataDirectory, 'objects'), key);
    const stray = complete ? `${attempt}.whole` : attempt;
    if (complete) await rename(file, stray);
    else {
      await mkdir(stray);
      await rename(file, path.join(stray, partFile(1, '0'.repeat(17), 3000, digestSchema.parse(digest)).name));
    }
    await server.running.services.db.query(sql`delete from blob_references`);
    await server.running.services.db.query(sql`delete from blobs`);
    return { key, digest, stray };
  }

  test.each([
    ['an object', 'orphan_object', true],
    ['an unfinished upload', 'orphan_multipart', false],
  ])('%s of nobody is removed, with a row that says so', async (_what, problem, complete) => {
    const { key, digest } = await strand(complete);
    expect(await found()).toEqual([[problem, key, false]]);
    expect(await found({ repair: true })).toEqual([[problem, key, true]]);
    expect(await trail(digest)).toEqual([['system', 'orphan_removed']]);
    expect(await check()).toMatchObject({ objects: 0, multiparts: 0, findings: [] });
  });

  test('is left alone while it is young', async () => {
    const { key, stray } = await strand(true);
    const now = server.clock.now().getTime();
    await utimes(stray, new Date(now - 23 * HOUR_MS), new Date(now - 23 * HOUR_MS));
    expect(await check({ repair: true, graceMs: 24 * HOUR_MS })).toMatchObject({ young: 1, findings: [] });
    await utimes(stray, new Date(now - 25 * HOUR_MS), new Date(now - 25 * HOUR_MS));
    expect(await found({ repair: true, graceMs: 24 * HOUR_MS })).toEqual([['orphan_object', key, true]]);
  });

  test('is left to the job that will remove it', async () => {
    const session = await createSession(server, 'apps', uniqueBytes());
    const { objects } = await check({});
    await complete(server, session, await sendPart(server, session, uniqueBytes()));
    await server.request('POST', `${session.path}/commit`);
    expect(await check({ repair: true })).toMatchObject({ objects: objects + 1, findings: [] });
  });

  test('is told and never touched where it is not ours', async () => {
    const folder = path.join(server.dataDirectory, 'objects/blobs/sha256/ab/whatever');
    await mkdir(folder, { recursive: true });
    expect(await found({ repair: true })).toEqual([['foreign_key', 'blobs/sha256/ab/whatever', false]]);
    expect(await readdir(folder)).toEqual([]);
  });
});

test('a running upload, download and deletion are no findings, however often it is looked', async () => {
  const busy = Promise.all(
    Array.from({ length: 4 }, async () => {
      for (let turn = 0; turn < 15; turn += 1) {
        const bytes = uniqueBytes(2000);
        await upload(server, 'apps', bytes);
        if (turn % 2 === 0) await server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
        server.clock.advance({ seconds: DELETION_DELAY_SECONDS });
        await server.runWorker();
      }
    }),
  );
  const findings: unknown[] = [];
  for (let turn = 0; turn < 10; turn += 1) findings.push(...(await check({ readShare: 1, repair: true })).findings);
  await busy;
  expect(findings).toEqual([]);
});
