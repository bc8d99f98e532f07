import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemClock } from '../kernel/clock.ts';
import { messageOf, StartupError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { toTimestamp } from '../kernel/parse.ts';
import type { Settings } from '../kernel/settings.ts';
import { readVersion } from '../kernel/version.ts';
import { type BackupManifest, writeManifest } from './backup-manifest.ts';
import { type BaseBackup, startBaseBackup } from './base-backup-store.ts';
import { type CopiedFile, copyFiles, listTree, syncTree } from './copy-tree.ts';
import { reachDatabase } from './installation.ts';

/**
 * What a base backup leaves out (PostgreSQL, "Making a Base Backup Using the Low Level API"): what belongs to the running server or is
 * made anew by the next one. The log is copied by itself, at the end.
 */
const LEFT_OUT =
  /^(?:pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\/|^(?:postmaster\.(?:pid|opts)|backup_label|tablespace_map)$|(?:^|\/)(?:pgsql_tmp|pg_internal\.init$)/;
/** Tells PostgreSQL where to begin to read the log. */
const LABEL = 'postgres/backup_label';
const SEGMENT = /^[0-9A-F]{24}$/;
const TIMELINE_HISTORY = /^[0-9A-F]{8}\.history$/;

export interface BackupProgress {
  files: number;
  bytes: number;
}

/**
 * Makes a backup of an installation with the embedded database, while its server runs or not: first the database, then the signing keys and
 * the bytes of the folder store. In that order every object that the database refers to is in the backup, as long as it takes less
 * than the deletion delay. @throws StartupError where it can't be made.
 */
export async function backUp(
  settings: Settings,
  log: Logger,
  target: string,
  onProgress: (progress: BackupProgress) => void = () => {},
): Promise<{ folder: string; manifest: Omit<BackupManifest, 'format'> }> {
  if (settings.databaseUrl !== undefined) {
    throw new StartupError(
      'DATABASE_URL is set: back that server up with its own tools (pg_basebackup, pgBackRest, your provider), as docs/runbook.md says. This command is for the embedded database.',
    );
  }
  const folder = await makeEmptyFolder(resolve(target));
  const startedAt = systemClock.now();
  const files: CopiedFile[] = [];
  const progress: BackupProgress = { files: 0, bytes: 0 };
  const copy = async (below: string, names: readonly string[]): Promise<void> => {
    await copyFiles(join(settings.dataDirectory, below), join(folder, below), names, (file) => {
      files.push({ ...file, path: `${below}/${file.path}` });
      progress.files += 1;
      progress.bytes += file.bytes;
      onProgress(progress);
    });
  };

  const { label, ...postgres } = await copyDatabase(settings, log, folder, copy);
  await writeFile(join(folder, LABEL), label, { flag: 'wx', mode: 0o600 });
  files.push({
    path: LABEL,
    bytes: Buffer.byteLength(label),
    sha256: createHash('sha256').update(label).digest('hex'),
  });
  await copy('keys', (await listTree(join(settings.dataDirectory, 'keys'))).files);
  const objects = settings.s3Bucket === undefined ? ('included' as const) : ('elsewhere' as const);
  if (objects === 'included') await copy('objects', (await listTree(join(settings.dataDirectory, 'objects'))).files);
  const manifest = {
    version: readVersion(),
    startedAtUtc: toTimestamp(startedAt),
    finishedAtUtc: toTimestamp(systemClock.now()),
    postgres,
    objects,
    folders: (await listTree(folder)).folders,
    files,
  };
  await syncTree(folder);
  await writeManifest(folder, manifest);
  return { folder, manifest };
}

type Copy = (below: string, names: readonly string[]) => Promise<void>;

async function copyDatabase(
  settings: Settings,
  log: Logger,
  folder: string,
  copy: Copy,
): Promise<BackupManifest['postgres'] & { label: string }> {
  await using undo = new AsyncDisposableStack();
  const database = await reachDatabase(settings, log, 'backup', undo);
  const source = join(settings.dataDirectory, 'postgres');
  await using backup = await startBaseBackup(database);
  const { files, folders } = await listTree(source, (path) => LEFT_OUT.test(path));
  // PostgreSQL wants its folders also where they are empty.
  for (const name of folders) await mkdir(join(folder, 'postgres', name), { recursive: true, mode: 0o700 });
  // Last, as the documentation asks: it tells where the last checkpoint is.
  const control = 'global/pg_control';
  await copy(
    'postgres',
    files.filter((path) => path !== control),
  );
  await copy('postgres', [control]);
  const finished = await finish(backup, source, copy);
  return {
    majorVersion: (await readFile(join(source, 'PG_VERSION'), 'utf8')).trim(),
    systemIdentifier: backup.systemIdentifier,
    startLsn: backup.startLsn,
    firstSegment: backup.firstSegment,
    ...finished,
  };
}

/** Ends it, and copies the log that makes the copied files consistent. */
async function finish(
  backup: BaseBackup,
  source: string,
  copy: Copy,
): Promise<{ label: string; stopLsn: string; lastSegment: string }> {
  const finished = await backup.finish();
  const log = await readdir(join(source, 'pg_wal'));
  const needed = log.filter(
    (name) =>
      TIMELINE_HISTORY.test(name) ||
      (SEGMENT.test(name) && name >= backup.firstSegment && name <= finished.lastSegment),
  );
  await copy('postgres/pg_wal', needed);
  return finished;
}

async function makeEmptyFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await readdir(folder)).length === 0) return folder;
  } catch (error) {
    throw new StartupError(`The folder ${folder} for the backup can't be made: ${messageOf(error)}.`);
  }
  const finished = existsSync(join(folder, 'manifest.json'));
  throw new StartupError(
    `${folder} is not empty${finished ? ' (it holds a backup)' : ''}: give each backup a folder of its own.`,
  );
}
