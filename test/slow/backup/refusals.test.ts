import { appendFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '../../../src/kernel/log.ts';
import { backUp } from '../../../src/operator/backup.ts';
import { type RestoreOptions, restore } from '../../../src/operator/restore.ts';
import type { TestServer } from '../../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../../support/uploading.ts';
import { makeInstallation, type OwnInstallation } from './own-installation.ts';

const log = createLogger('silent');

let installation: OwnInstallation;
let server: TestServer;
let backup: string;
/** While there was no backup yet. */
let tooEarly: string;
const bytes = uniqueBytes();

beforeAll(async () => {
  installation = await makeInstallation({});
  server = await installation.start();
  await server.createRepository('apps');
  expect((await upload(server, 'apps', bytes)).status).toBe(200);
  tooEarly = String((await installation.sql('select pg_current_wal_lsn()::text'))[0]);
  backup = join(installation.folder, 'backup');
  await backUp(installation.settings, log, backup);
  await installation.archived();
});

afterAll(async () => {
  await installation[Symbol.asyncDispose]();
});

const restoring = (options: Partial<RestoreOptions>) =>
  restore(installation.settings, log, { from: backup, walArchive: undefined, target: { kind: 'backup' }, ...options });

const contents = () => readdir(join(installation.folder, 'data'));

describe('a backup', () => {
  test('does not go into a folder with something in it', async () => {
    await expect(backUp(installation.settings, log, backup)).rejects.toThrow('it holds a backup');
  });

  test('of a database of one’s own is left to its own tools', async () => {
    const settings = { ...installation.settings, databaseUrl: 'postgres://db.example/artifortress' };
    await expect(backUp(settings, log, join(installation.folder, 'other'))).rejects.toThrow('pg_basebackup');
  });
});

describe('a restore', () => {
  test('is refused while a server runs', async () => {
    await expect(restoring({})).rejects.toThrow('is in use by artifortress serve');
  });

  test('never overwrites a database', async () => {
    await server.close();
    await expect(restoring({})).rejects.toThrow('holds a database already, and nothing was changed');
  });

  test('to a point that the archive does not reach is refused, and leaves nothing', async () => {
    await rm(join(installation.folder, 'data', 'postgres'), { recursive: true });
    const target = { kind: 'time' as const, value: '2999-01-01T00:00:00Z' };
    await expect(restoring({ walArchive: installation.walArchive, target })).rejects.toThrow(
      'The archived log ends before the time "2999-01-01T00:00:00Z"',
    );
    expect(await contents()).not.toContain('postgres');
  });

  test('to a point before the backup is refused', async () => {
    const target = { kind: 'lsn' as const, value: tooEarly };
    await expect(restoring({ walArchive: installation.walArchive, target })).rejects.toThrow('take an older backup');
    expect(await contents()).not.toContain('postgres');
  });

  test('brings back everything where the whole folder is lost', async () => {
    await rm(join(installation.folder, 'data'), { recursive: true });
    const { filesAdded } = await restoring({});
    expect(filesAdded).toBeGreaterThanOrEqual(2);
    expect((await installation.fsck({ repair: false })).findings).toEqual([]);
    server = await installation.start(server.clock);
    const read = await server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    expect(read.bytes.equals(bytes)).toBe(true);
    await server.close();
  });

  test('of a damaged backup is refused, and leaves nothing', async () => {
    await rm(join(installation.folder, 'data', 'postgres'), { recursive: true });
    await appendFile(join(backup, 'postgres', 'global', 'pg_control'), 'x');
    await expect(restoring({})).rejects.toThrow(/is damaged: 1 of its files.*global\/pg_control/);
    expect(await contents()).not.toContain('postgres');
  });

  test('of a backup that was cut short is refused', async () => {
    await writeFile(join(backup, 'manifest.json'), '{"format":');
    await expect(restoring({})).rejects.toThrow('is no finished backup');
  });
});
