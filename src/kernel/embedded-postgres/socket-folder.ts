import { createHash } from 'node:crypto';
import { chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fitsSocketPath } from '../unix-socket-path.ts';
import type { Owner } from './run-as.ts';

/** Part of the socket's file name only: the server listens on no network address. */
export const PORT = 5432;

/**
 * A new folder that only PostgreSQL's user (and root) can enter, for its socket: beside the data, or, where that path
 * is too long for a socket, under the folder for temporary files. The caller removes it when the server has stopped.
 * What an earlier, killed server left is removed first, so that its stale lock file cannot stand in the way.
 */
export async function makeSocketFolder(dataDirectory: string, owner: Owner | undefined): Promise<string> {
  const temporaryPrefix = `artifortress-postgres-${shortHash(dataDirectory)}-`;
  await removeTemporary(temporaryPrefix);
  const beside = `${dataDirectory}-socket`;
  await rm(beside, { recursive: true, force: true });

  const folder = fitsSocketPath(join(beside, `.s.PGSQL.${PORT}`))
    ? beside
    : await mkdtemp(join(tmpdir(), temporaryPrefix));
  if (folder === beside) await mkdir(beside, { mode: 0o700 });
  if (owner !== undefined) await chown(folder, owner.uid, owner.gid);
  return folder;
}

/** Anyone may have made a folder of that name in a shared /tmp: one that we may not remove is none of ours. */
async function removeTemporary(prefix: string): Promise<void> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  await Promise.allSettled(names.map((name) => rm(join(tmpdir(), name), { recursive: true, force: true })));
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
