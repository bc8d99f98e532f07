import { execFile } from 'node:child_process';
import { chown, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { systemClock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { errorCode } from './error-code.ts';
import { shutDown } from './shut-down.ts';

/** A server whose parent was killed needs some tenths of a second to end by itself. */
const DYING_LIMIT_MS = 1_000;
const LOOK_AGAIN_MS = 20;

/**
 * Ends the server that an earlier, killed process left on this folder, and keeps a stale postmaster.pid from being
 * mistaken for a live one. The caller holds the lock of the data folder: whatever runs here is nobody's any more.
 */
export async function settlePredecessor(dataDirectory: string, log: Logger): Promise<void> {
  const pidFile = join(dataDirectory, 'postmaster.pid');
  const pid = await readPid(pidFile);
  if (pid === undefined || !isAlive(pid)) return;
  if (!(await isPostmasterOf(pid, dataDirectory))) return disown(pidFile);

  const goneWithin = (limitMs: number) => pollUntilGone(pid, dataDirectory, limitMs);
  if (await goneWithin(DYING_LIMIT_MS)) return;
  log.warn({ pid, dataDirectory }, 'stopping a PostgreSQL server that an earlier artifortress left behind');
  await shutDown({ signal: (name) => signalIfAlive(pid, name), goneWithin }, log);
}

/**
 * The pid in the file now belongs to some other process, or thread: likely in a container, where pids are small and
 * start over. PostgreSQL would refuse to start. Removing the file would also remove PostgreSQL's check that no orphaned
 * backend still uses the shared memory that the file names. So it is made to name us: PostgreSQL knows that its own
 * parent is no server (CreateLockFile in miscinit.c), and goes on to that check.
 */
async function disown(pidFile: string): Promise<void> {
  const replacement = `${pidFile}.new`;
  try {
    const { uid, gid } = await stat(pidFile);
    const [, ...rest] = (await readFile(pidFile, 'utf8')).split('\n');
    await writeFile(replacement, [process.pid, ...rest].join('\n'), { mode: 0o600 });
    await chown(replacement, uid, gid);
    await rename(replacement, pidFile);
  } catch (error) {
    // It was the predecessor after all, and its last act was to remove the file.
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

async function readPid(pidFile: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(pidFile, 'utf8'), 10);
    return Number.isNaN(pid) ? undefined : Math.abs(pid);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

async function pollUntilGone(pid: number, dataDirectory: string, limitMs: number): Promise<boolean> {
  const deadlineMs = systemClock.monotonicMs() + limitMs;
  while (await isPostmasterOf(pid, dataDirectory)) {
    if (systemClock.monotonicMs() > deadlineMs) return false;
    await sleep(LOOK_AGAIN_MS);
  }
  return true;
}

/** By the command line that we gave it: a pid alone may have been given to another process since. */
async function isPostmasterOf(pid: number, dataDirectory: string): Promise<boolean> {
  return (await commandLine(pid)).includes(`postgres -D ${dataDirectory} `);
}

/** Empty for a process that is gone, or a zombie. */
async function commandLine(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
    const ps = await promisify(execFile)('ps', ['-ww', '-o', 'command=', '-p', String(pid)]);
    return ps.stdout;
  } catch {
    return '';
  }
}
