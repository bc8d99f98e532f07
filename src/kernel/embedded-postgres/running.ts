import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DATABASE_NAME } from './data-folder.ts';
import type { EmbeddedPostgres } from './index.ts';

/** Lines of PostgreSQL's lock file, counted from 0 (PostgreSQL, miscadmin.h: LOCK_FILE_LINE_*). */
const PORT_LINE = 3;
const SOCKET_FOLDER_LINE = 4;

/**
 * How to reach the embedded PostgreSQL that another process of ours runs on this folder, as it has written down itself.
 * @returns undefined where none does.
 */
export async function findRunningPostgres(dataDirectory: string): Promise<EmbeddedPostgres['connection'] | undefined> {
  let lines: string[];
  try {
    lines = (await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8')).split('\n');
  } catch {
    return undefined;
  }
  const [port, host] = [Number(lines[PORT_LINE]), lines[SOCKET_FOLDER_LINE]];
  if (!Number.isInteger(port) || host === undefined || host === '') return undefined;
  return { host, port, user: DATABASE_NAME, database: DATABASE_NAME };
}
