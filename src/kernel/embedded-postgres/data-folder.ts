import { chown, mkdir, mkdtemp, open, readdir, readFile, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { StartupError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Binaries } from './binaries.ts';
import { type Command, runToEnd } from './command.ts';
import { errorCode } from './error-code.ts';
import type { RunAs } from './run-as.ts';

/** The superuser, and the one database, of the embedded server. */
export const DATABASE_NAME = 'artifortress';

/** A second on a small machine; the bound is for a disk that is nearly stuck. */
const INITIALISE_LIMIT_MS = 5 * 60_000;

interface DataFolder {
  readonly dataDirectory: string;
  readonly binaries: Binaries;
  readonly runAs: RunAs;
  readonly majorVersion: string;
  readonly log: Logger;
}

/** One spelling for one folder, whatever links lead to it; makes the folder that holds it. */
export async function canonicalDataDirectory(path: string): Promise<string> {
  const parent = dirname(resolve(path));
  await mkdir(parent, { recursive: true, mode: 0o700 });
  return join(await realpath(parent), basename(resolve(path)));
}

/** Leaves a complete data folder of the server's own major version, or throws without having changed one that is there. */
export async function ensureDataFolder(folder: DataFolder): Promise<void> {
  const found = await readMajorVersion(folder.dataDirectory);
  if (found === undefined) {
    await initialise(folder);
  } else if (found !== folder.majorVersion) {
    throw new StartupError(
      `The data in ${folder.dataDirectory} is of PostgreSQL ${found}, and this artifortress embeds PostgreSQL ` +
        `${folder.majorVersion}, which cannot read it. Nothing was changed. Either start the version of artifortress ` +
        'that made it, dump its database (pg_dump) and restore the dump into a new data folder, ' +
        'or point this one at another data folder.',
    );
  }
  const { owner } = folder.runAs;
  // Every time, since a hand-over that was cut short leaves files of both owners. Ten milliseconds.
  if (owner !== undefined) {
    await mustSucceed(
      ['chown', '-R', `${owner.uid}:${owner.gid}`, '--', folder.dataDirectory],
      'hand over the data folder',
    );
  }
}

/** The content of PG_VERSION, or undefined where there is no data yet. */
async function readMajorVersion(dataDirectory: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataDirectory, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
  const entries = await readdirOrEmpty(dataDirectory);
  if (entries.length === 0) return undefined;
  throw new StartupError(
    `The folder ${dataDirectory} holds files but no PostgreSQL data (there is no PG_VERSION in it). Nothing was changed. ` +
      'Move what is in it elsewhere, or point artifortress at another data folder.',
  );
}

/**
 * Builds the data folder beside its place and renames it there when it is complete and on the disk, with the database
 * in it: a crash at any moment leaves either nothing or all of it.
 */
async function initialise({ dataDirectory, binaries, runAs, log }: DataFolder): Promise<void> {
  const prefix = `${dataDirectory}.new-`;
  await removeUnfinished(prefix);
  const folder = await mkdtemp(prefix);
  try {
    if (runAs.owner !== undefined) await chown(folder, runAs.owner.uid, runAs.owner.gid);
    log.info({ dataDirectory, runs: runAs.description }, 'creating the embedded PostgreSQL database');
    await mustSucceed(runAs.command('KILL', binaries.initdb, initdbArguments(folder)), 'create the database (initdb)');
    // PostgreSQL ends a single-user session with a checkpoint, so this too is on the disk.
    await mustSucceed(
      runAs.command('KILL', binaries.postgres, ['--single', '-D', folder, '-c', 'exit_on_error=on', 'postgres']),
      `create the database ${DATABASE_NAME}`,
      `create database ${DATABASE_NAME};\n`,
    );
    await rename(folder, dataDirectory);
    await syncFolder(dirname(dataDirectory));
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function initdbArguments(folder: string): string[] {
  return [
    '-D',
    folder,
    `--username=${DATABASE_NAME}`,
    '--encoding=UTF8',
    '--no-instructions',
    // A libc's or ICU's collation changes with its version, which corrupts indexes; this one is PostgreSQL's own.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    // Who may connect is decided by the socket's folder, which only we can enter.
    '--auth=trust',
  ];
}

/** What a start left that was killed while it built the folder. Its initdb may be dying still, hence the retries. */
async function removeUnfinished(prefix: string): Promise<void> {
  const parent = dirname(prefix);
  for (const name of await readdir(parent)) {
    if (!name.startsWith(basename(prefix))) continue;
    await rm(join(parent, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}

async function mustSucceed(command: Command, purpose: string, input = ''): Promise<void> {
  const { succeeded, output } = await runToEnd(command, { limitMs: INITIALISE_LIMIT_MS, input });
  if (succeeded) return;
  throw new StartupError(
    `The embedded PostgreSQL could not ${purpose}. It said:\n${output}\n` +
      'Mend what it names (often a full or read-only disk) and start again, or set DATABASE_URL to use a server of your own.',
  );
}

async function readdirOrEmpty(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder);
  await handle.sync();
}
