import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { lockDataFolder } from '../kernel/data-folder-lock.ts';
import { startEmbeddedPostgres } from '../kernel/embedded-postgres/index.ts';
import { walArchiveOf } from '../kernel/embedded-postgres/wal-archive.ts';
import { StartupError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { Settings } from '../kernel/settings.ts';
import { type BackupManifest, readManifest } from './backup-manifest.ts';
import { copyFiles, listTree, syncFolder, syncTree } from './copy-tree.ts';
import { type RestoredTo, readRestoredTo } from './restored-store.ts';

/** Up to where the database is restored. */
type RestoreTarget =
  | { kind: 'backup' }
  /** The end of the archived log. */
  | { kind: 'latest' }
  | { kind: 'time' | 'lsn' | 'name'; value: string };

export interface RestoreOptions {
  from: string;
  /** The archive of the log; undefined: only what the backup holds. */
  walArchive: string | undefined;
  target: RestoreTarget;
}

export interface Restored extends RestoredTo {
  manifest: BackupManifest;
  /** Objects and keys that the data folder lacked, and that came from the backup. */
  filesAdded: number;
}

const AUTO_CONFIGURATION = 'postgresql.auto.conf';

/**
 * Restores the embedded database from a backup, and from the archived log up to the target. It is built beside its place and put there when
 * recovery has ended: until then nothing is changed. Objects and keys in the data folder stay, those that it lacks are added.
 * @throws StartupError where anything is in the way, damaged or missing.
 */
export async function restore(settings: Settings, log: Logger, options: RestoreOptions): Promise<Restored> {
  const from = resolve(options.from);
  const manifest = await readManifest(from);
  const data = resolve(settings.dataDirectory);
  await using undo = new AsyncDisposableStack();
  await mkdir(data, { recursive: true, mode: 0o700 });
  const lock = await lockDataFolder(data, 'artifortress restore');
  undo.defer(() => lock.release());
  refuseToOverwrite(data);

  const building = join(data, 'postgres.restoring');
  await rm(building, { recursive: true, force: true });
  undo.defer(() => rm(building, { recursive: true, force: true }));
  await copyChecked(from, 'postgres', building, manifest);
  const untouched = await readFile(join(building, AUTO_CONFIGURATION), 'utf8');
  await appendFile(join(building, AUTO_CONFIGURATION), recoverySettings(options));
  await writeFile(join(building, 'recovery.signal'), '');
  const restoredTo = await recover(settings, log, building, options.target);
  await writeFile(join(building, AUTO_CONFIGURATION), untouched);
  const filesAdded =
    (await addMissing(from, data, 'keys', manifest)) + (await addMissing(from, data, 'objects', manifest));
  await syncTree(building);
  await rename(building, join(data, 'postgres'));
  await syncFolder(data);
  return { manifest, filesAdded, ...restoredTo };
}

function refuseToOverwrite(data: string): void {
  if (!existsSync(join(data, 'postgres'))) return;
  throw new StartupError(
    `${data} holds a database already, and nothing was changed. Move it away first, and keep it until the restored one is verified: mv ${join(data, 'postgres')} ${join(data, 'postgres.before-restore')}`,
  );
}

/** Runs PostgreSQL until it has replayed what it should, and stops it again. */
async function recover(
  settings: Settings,
  log: Logger,
  dataDirectory: string,
  target: RestoreTarget,
): Promise<RestoredTo> {
  // Without hot standby it is ready only once recovery has ended. What it writes from then on must be archived as ever.
  const postgres = await startEmbeddedPostgres({
    dataDirectory,
    log,
    archive: walArchiveOf(settings),
    settings: { hot_standby: 'off' },
  }).catch((error: unknown) => {
    if (!(error instanceof StartupError)) throw error;
    const hint = hintFor(error.message, target);
    throw new StartupError(`The database could not be restored; nothing was changed.${hint}\n${error.message}`, {
      cause: error,
    });
  });
  try {
    return await readRestoredTo(postgres.connection);
  } finally {
    await postgres.stop();
  }
}

function hintFor(message: string, target: RestoreTarget): string {
  if (/recovery ended before configured recovery target was reached/.test(message)) {
    const what =
      target.kind === 'backup' || target.kind === 'latest' ? 'the target' : `the ${target.kind} "${target.value}"`;
    return ` The archived log ends before ${what}: give an earlier one, or --to-latest.`;
  }
  if (/requested recovery stop point is before consistent recovery point/.test(message)) {
    return ' The point lies before the end of this backup: take an older backup.';
  }
  return '';
}

function recoverySettings({ walArchive, target }: RestoreOptions): string {
  const lines = [
    `restore_command = ${quoted(walArchive === undefined ? 'false' : `cp -- ${shellQuoted(resolve(walArchive))}/%f "%p"`)}`,
    "recovery_target_action = 'promote'",
    ...targetSettings(target),
  ];
  return `\n${lines.join('\n')}\n`;
}

function targetSettings(target: RestoreTarget): string[] {
  switch (target.kind) {
    case 'backup':
      return ["recovery_target = 'immediate'"];
    case 'latest':
      return [];
    case 'time':
      // PostgreSQL takes no abbreviation of a time zone here, and Z counts as one.
      return [`recovery_target_time = ${quoted(target.value.replace(/Z$/, '+00:00'))}`];
    case 'lsn':
    case 'name':
      return [`recovery_target_${target.kind} = ${quoted(target.value)}`];
  }
}

/** A value in PostgreSQL's configuration (PostgreSQL, "Setting Parameters"). */
function quoted(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

function shellQuoted(path: string): string {
  // A percent sign would be taken for a placeholder.
  return `'${path.replaceAll("'", String.raw`'\''`).replaceAll('%', '%%')}'`;
}

/** Copies the files of the backup below a folder, and holds each against the manifest. */
async function copyChecked(from: string, below: string, to: string, manifest: BackupManifest): Promise<void> {
  const prefix = `${below}/`;
  for (const folder of manifest.folders.filter((path) => path.startsWith(prefix))) {
    await mkdir(join(to, folder.slice(prefix.length)), { recursive: true, mode: 0o700 });
  }
  const expected = manifest.files.filter(({ path }) => path.startsWith(prefix));
  await copyAndHold(from, below, to, expected);
}

async function copyAndHold(from: string, below: string, to: string, expected: BackupManifest['files']): Promise<void> {
  const left = new Map(expected.map((file) => [file.path.slice(below.length + 1), file]));
  const damaged: string[] = [];
  await copyFiles(join(from, below), to, [...left.keys()], ({ path, bytes, sha256 }) => {
    const file = left.get(path);
    if (file?.bytes !== bytes || file.sha256 !== sha256) damaged.push(`${below}/${path}`);
    left.delete(path);
  });
  damaged.push(...[...left.values()].map(({ path }) => path));
  if (damaged.length === 0) return;
  throw new StartupError(
    `The backup ${from} is damaged: ${damaged.length} of its files are missing or not what was backed up, ${damaged[0]} first. Nothing was changed: take another backup.`,
  );
}

/** What the data folder has is at least as new: objects are never changed, and the keys are those that part URLs are signed with. */
async function addMissing(from: string, data: string, below: string, manifest: BackupManifest): Promise<number> {
  const there = new Set((await listTree(join(data, below))).files);
  const missing = manifest.files.filter(
    ({ path }) => path.startsWith(`${below}/`) && !there.has(path.slice(below.length + 1)),
  );
  await copyAndHold(from, below, join(data, below), missing);
  if (missing.length > 0) await syncTree(join(data, below));
  return missing.length;
}
