import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../scripts/bench/loopback.ts';

const run = promisify(execFile);

const REPOSITORY = path.join(import.meta.dirname, '..', '..');
const READY_WITHIN_MS = 60_000;

/** A clone of the committed tree in an empty folder, and an environment without anything of this checkout. */
export interface Newcomer {
  folder: string;
  environment: NodeJS.ProcessEnv;
  port: number;
  remove(): Promise<void>;
}

/** Clones what is committed, and what is only in the working tree too, so that the test shows what is about to be committed. */
export async function arrive(): Promise<Newcomer> {
  const folder = await mkdtemp(path.join(tmpdir(), 'artifortress-e2e-'));
  await run('git', ['clone', '--quiet', '--no-hardlinks', REPOSITORY, folder]);
  const git = async (...args: string[]) =>
    (await run('git', ['-C', REPOSITORY, ...args])).stdout.split('\n').filter(Boolean);
  const changed = [
    ...(await git('diff', '--name-only', 'HEAD')),
    ...(await git('ls-files', '--others', '--exclude-standard')),
  ];
  for (const file of changed) {
    const target = path.join(folder, file);
    await cp(path.join(REPOSITORY, file), target).catch(() => rm(target, { force: true }));
  }
  const port = await freePort();
  const ownNodeFirst = (process.env.PATH ?? '').split(':').filter((entry) => !entry.includes('node_modules'));
  const { npm_config_registry, npm_config_userconfig, npm_config_cache } = process.env;
  const environment = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(
        ([name]) => !/^(npm_|ARTIFORTRESS_|VITEST|NODE_ENV|NODE_OPTIONS|NODE_PATH|DATABASE_URL|FORCE_COLOR)/.test(name),
      ),
    ),
    HOME: folder,
    PATH: ownNodeFirst.join(':'),
    PORT: String(port),
    // Where packages come from is the machine's own affair.
    npm_config_userconfig: npm_config_userconfig ?? path.join(homedir(), '.npmrc'),
    npm_config_cache: npm_config_cache ?? path.join(homedir(), '.npm'),
    ...(npm_config_registry === undefined ? {} : { npm_config_registry }),
  };
  return { folder, environment, port, remove: () => rm(folder, { recursive: true, force: true }) };
}

export interface Started {
  process: ChildProcess;
  /** The process that listens: a child of npm's shell. */
  serverPid: number;
  /** What it printed until it was ready. */
  output: string;
  readyAfterMs: number;
}

/** `npm start`, until it says that it is ready. */
export async function start(newcomer: Newcomer): Promise<Started> {
  const began = performance.now();
  const child = spawn('npm', ['start'], {
    cwd: newcomer.folder,
    env: newcomer.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ready = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not ready: ${output}${errors}`)), READY_WITHIN_MS);
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (!/is ready on .*\nIts data is in .*\n/.test(output)) return;
      clearTimeout(timer);
      resolve();
    });
    child.once('exit', (code) => reject(new Error(`ended with ${code}: ${output}${errors}`)));
  });
  await ready;
  const readyAfterMs = performance.now() - began;
  const serverPid = await findProcess(newcomer.folder, (command) => /^node\0.*serve\0/.test(command));
  if (serverPid === undefined) throw new Error('no server process');
  return { process: child, serverPid, output, readyAfterMs };
}

/** Ends the server by a signal to the process that listens, as a service manager or `kill` does. @returns npm's exit code. */
export async function stop(started: Started, signal: NodeJS.Signals): Promise<number | null> {
  const exited = once(started.process, 'exit');
  process.kill(started.serverPid, signal);
  const [code]: unknown[] = await exited;
  return typeof code === 'number' ? code : null;
}

/** Runs a script in the clone, as if it were typed there. */
export async function type(
  newcomer: Newcomer,
  script: string,
  input = '',
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn('bash', ['-e', '-o', 'pipefail', '-c', script], {
    cwd: newcomer.folder,
    env: { ...newcomer.environment, ARTIFORTRESS_URL: `http://127.0.0.1:${newcomer.port}` },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.end(input);
  const [code]: unknown[] = await once(child, 'close');
  return { code: Number(code), stdout, stderr };
}

/** Processes whose working folder or data lies in the clone: the server, and its PostgreSQL. */
export async function processesOf(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const held = await Promise.all(
    pids.map(async (pid) => {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
      return cwd === folder || cwd.startsWith(`${folder}/`) ? [pid] : [];
    }),
  );
  return held.flat();
}

async function findProcess(folder: string, matches: (command: string) => boolean): Promise<number | undefined> {
  for (const pid of await processesOf(folder)) {
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (matches(command)) return pid;
  }
  return undefined;
}

/** The blocks of a README that are to be run, in order. */
export async function readmeBlocks(newcomer: Newcomer): Promise<string[]> {
  const text = await readFile(path.join(newcomer.folder, 'README.md'), 'utf8');
  return [...text.matchAll(/```bash\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
}
