import { existsSync } from 'node:fs';
import { access, constants, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { systemClock } from './clock.ts';
import { messageOf, StartupError } from './errors.ts';
import { fitsSocketPath } from './unix-socket-path.ts';

/*
 * Node has no flock, so the kernel object that dies with the holder is a listening unix socket: one to which nobody
 * listens refuses connections at once and for ever, also seen from another container that shares the volume.
 *
 *   <data folder>/lock/7/socket             the holder listens here; 7 is the highest generation
 *                     /7/holder.json        who it is, for the message to others
 *                     /candidate-x8Jq2c/    somebody who is just trying
 *
 * To take the lock: find the highest generation n; if its socket answers, somebody holds the lock. Else prepare a
 * candidate folder whose socket *already listens*, rename it to n+1, and look again: who sees no generation higher than
 * his own holds the lock.
 *
 * Why exactly one of racing starters wins:
 *  - The rename is atomic and fails when n+1 exists, so a generation has one owner, and whoever sees it can connect.
 *  - A name is never removed while it is the highest: only the holder of a higher one removes those below, and a release
 *    leaves its folder. So the highest generation only grows, and nobody removes "the stale lock" by a name that has
 *    become someone else's, the classic mistake.
 *  - Suppose generations a < b were both held. Whoever made a+1 had seen a as the highest and silent. A live holder of a
 *    is never silent, so that was an earlier owner of the name a; but then a higher generation was there before a was
 *    made anew, and its maker, looking again, saw it and gave up.
 * A starter that sleeps between two steps may rename to a generation long passed: looking again tells it, and it starts over.
 */

export interface DataFolderLock {
  /** Lets the next starter in. Idempotent. */
  release(): Promise<void>;
}

/** Each further attempt means that another starter got ahead in the meantime, and that it has already ended again. */
const ATTEMPTS_LIMIT = 50;

const holderRecord = z.object({ pid: z.number(), host: z.string(), holder: z.string(), since: z.string() });

/**
 * Takes the data folder for this process until `release`, or until the process ends in any way. `holder` says in a few
 * words what it is, such as "artifortress serve on http://127.0.0.1:8080". Throws at once, naming the holder, if another has it.
 * Not for a folder that two machines mount over a network: a socket answers on its own machine only.
 */
export async function lockDataFolder(dataDirectory: string, holder: string): Promise<DataFolderLock> {
  const folder = await openLockFolder(resolve(dataDirectory));
  for (let attempt = 0; attempt < ATTEMPTS_LIMIT; attempt++) {
    const highest = await highestGeneration(folder);
    if (await answers(join(folder, String(highest), 'socket'))) {
      throw new StartupError(await describeHolder(resolve(dataDirectory), join(folder, String(highest))));
    }
    const server = await claim(folder, highest + 1, holder);
    if (server === undefined) continue;
    await removeOthers(folder, highest + 1);
    return { release: () => close(server) };
  }
  throw new StartupError(
    `The data folder ${dataDirectory} changed hands ${ATTEMPTS_LIMIT} times while artifortress tried to take it. ` +
      'Something starts and ends it again and again: stop that, then start once more.',
  );
}

async function openLockFolder(dataDirectory: string): Promise<string> {
  const folder = join(dataDirectory, 'lock');
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return folder;
  } catch (cause) {
    throw new StartupError(
      `The data folder ${dataDirectory} cannot be used: ${messageOf(cause)}. ` +
        'Start artifortress as the user who owns it, or give it another data folder.',
      { cause },
    );
  }
}

/** The server that makes this generation ours, or undefined if another was faster. */
async function claim(folder: string, generation: number, holder: string): Promise<Server | undefined> {
  const candidate = await mkdtemp(join(folder, 'candidate-'));
  let server: Server | undefined;
  try {
    const record = { pid: process.pid, host: hostname(), holder, since: systemClock.now().toISOString() };
    await writeFile(join(candidate, 'holder.json'), JSON.stringify(record), { mode: 0o600 });
    server = await withShortPath(join(candidate, 'socket'), listen);
    await rename(candidate, join(folder, String(generation)));
  } catch (error) {
    if (server !== undefined) await close(server);
    // A winner clears away candidates that do not answer yet. Whatever call failed, the folder's absence is the reason.
    const cleared = !existsSync(candidate);
    await rm(candidate, { recursive: true, force: true });
    if (cleared || existsSync(join(folder, String(generation)))) return undefined;
    throw new StartupError(
      `The data folder cannot be locked: no unix socket can be made in ${folder} (${messageOf(error)}). ` +
        'Give artifortress a data folder on a local disk with some room left.',
      { cause: error },
    );
  }
  if ((await highestGeneration(folder)) === generation) return server;
  await close(server);
  return undefined;
}

async function highestGeneration(folder: string): Promise<number> {
  const generations = (await readdir(folder)).filter((name) => /^\d+$/.test(name)).map(Number);
  return Math.max(0, ...generations);
}

/** A starter may be writing into its candidate just now; what cannot be removed is left to the next holder. */
async function removeOthers(folder: string, own: number): Promise<void> {
  const names = await readdir(folder);
  await Promise.allSettled(
    names.map(async (name) => {
      const passed = /^\d+$/.test(name) && Number(name) < own;
      const abandoned = name.startsWith('candidate-') && !(await answers(join(folder, name, 'socket')));
      if (passed || abandoned) await rm(join(folder, name), { recursive: true, force: true });
    }),
  );
}

async function describeHolder(dataDirectory: string, generationFolder: string): Promise<string> {
  const remedy = 'Use that one, or stop it first, or give this one another data folder.';
  try {
    const text = await readFile(join(generationFolder, 'holder.json'), 'utf8');
    const { pid, host, holder, since } = holderRecord.parse(JSON.parse(text));
    const where = host === hostname() ? '' : ` on host ${host}`;
    return `The data folder ${dataDirectory} is in use by ${holder} (process ${pid}${where}, since ${since}). ${remedy}`;
  } catch {
    return `The data folder ${dataDirectory} is in use by another artifortress, which did not say who it is. ${remedy}`;
  }
}

/** Whether anybody listens. The kernel answers for a process that is busy or stopped; in doubt, somebody is there. */
function answers(socketPath: string): Promise<boolean> {
  return withShortPath(
    socketPath,
    (path) =>
      new Promise<boolean>((resolve) => {
        const socket = connect(path);
        socket.once('connect', () => {
          socket.destroy();
          resolve(true);
        });
        socket.once('error', (error: NodeJS.ErrnoException) => {
          resolve(!['ECONNREFUSED', 'ENOENT', 'ENOTSOCK'].includes(error.code ?? ''));
        });
      }),
  );
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      // A connection that cannot be accepted (no file descriptors left) has told its maker all it wanted to know.
      server.on('error', () => {});
      // To hold a lock is no reason to live on.
      server.unref();
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Runs an action on a socket's path or, where that is too long for a socket, on a short-lived link to its folder. */
async function withShortPath<T>(socketPath: string, action: (path: string) => Promise<T>): Promise<T> {
  if (fitsSocketPath(socketPath)) return action(socketPath);
  const temporary = await mkdtemp(join(tmpdir(), 'artifortress-lock-'));
  try {
    const link = join(temporary, 'd');
    await symlink(dirname(socketPath), link);
    return await action(join(link, basename(socketPath)));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
