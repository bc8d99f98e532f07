import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import type { EmbeddedPostgres } from '../../src/kernel/embedded-postgres/index.ts';

export async function makeFolder(): Promise<string> {
  return realpath(await mkdtemp(join(tmpdir(), 'artifortress-test-pg-')));
}

/** The first column of the result. */
export async function query(connection: EmbeddedPostgres['connection'], sql: string): Promise<unknown[]> {
  const client = new Client(connection);
  // A server that stops ends the connection with an error event.
  client.on('error', () => {});
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows.map((row) => row[0]);
  } finally {
    await client.end();
  }
}

export async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

export async function postmasterPid(dataDirectory: string): Promise<number> {
  return Number.parseInt(await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8'), 10);
}

/** Every process of the server: the postmaster, its background processes and the one for this very query. */
export async function serverPids(dataDirectory: string, connection: EmbeddedPostgres['connection']): Promise<number[]> {
  const children = await query(connection, 'select pid from pg_stat_activity');
  return [await postmasterPid(dataDirectory), ...children.map(Number)];
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return process.platform !== 'linux' || !isZombie(pid);
}

/** Dead, and waiting for init to take note, which may take a while. */
function isZombie(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
}

/** The kernel refuses a new user namespace to a process in a chroot, as containers and hardened systems do. */
export const inChroot = (root: string) => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'mount --rbind / "$0" && exec chroot "$0" "$@"',
  root,
];

export async function canChroot(): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  const root = await makeFolder();
  try {
    const [program = '', ...args] = inChroot(root);
    await promisify(execFile)(program, [...args, 'true']);
    return true;
  } catch {
    return false;
  } finally {
    await rm(root, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}
