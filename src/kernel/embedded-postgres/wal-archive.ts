import { chown, mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, StartupError } from '../errors.ts';
import type { Settings } from '../settings.ts';
import type { Owner } from './run-as.ts';

/** Where the log goes as it fills, so that the database can be restored to any point since a base backup. */
export interface WalArchive {
  directory: string;
  /** A segment that something was written to is archived after this time, full or not. */
  timeoutSeconds: number;
}

/** The archive of the settings; every start of the database has to have it, since what one start does not archive is a gap for ever. */
export function walArchiveOf(settings: Settings): WalArchive | undefined {
  if (settings.walArchiveDirectory === undefined) return undefined;
  return { directory: resolve(settings.walArchiveDirectory), timeoutSeconds: settings.walArchiveSeconds };
}

/** @throws StartupError where the folder can't be had: a server that silently archives nothing is worse than none. */
export async function prepareArchive({ directory }: WalArchive, owner: Owner | undefined): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
  } catch (error) {
    throw new StartupError(
      `The folder "${directory}" (ARTIFORTRESS_WAL_ARCHIVE_DIR) can't be used: ${messageOf(error)}. Make it, and let this user write to it.`,
    );
  }
}

/** PostgreSQL's own archiver writes to a temporary name, syncs, renames, and takes a file that is there already only if it is the same. */
export function archiveSettings({ directory, timeoutSeconds }: WalArchive): Record<string, string> {
  return {
    archive_mode: 'on',
    archive_library: 'basic_archive',
    'basic_archive.archive_directory': directory,
    archive_timeout: `${timeoutSeconds}s`,
  };
}
