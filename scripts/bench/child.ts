import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ProcessTree } from './process-usage.ts';

export interface ChildCommand {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** Beside `PATH` and `HOME`: a server under measure inherits nothing else from the shell. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where it keeps its data; its output goes to `<folder>.log`. */
  readonly folder: string;
}

/** A server process that this run started, and everything below it. */
export interface Child {
  readonly usage: ProcessTree;
  /** Waits until `ready` answers true; returns the milliseconds since the start. Throws if it exits or takes too long. */
  readyAfterMs(ready: () => Promise<boolean>): Promise<number>;
  /** Asks it to end, then makes it; returns the milliseconds that it took. Harmless when it has ended. */
  stop(): Promise<number>;
}

const READY_LIMIT_MS = 60_000;
const READY_POLL_MS = 10;
const STOP_LIMIT_MS = 15_000;
/** For a PostgreSQL to notice that its parent is gone. */
const ORPHAN_LIMIT_MS = 5_000;
const LOG_TAIL_CHARS = 2_000;

/** Starts a server in a process group of its own, so that Ctrl-C reaches this program first, and ends it with the stack. */
export function startChild(stack: AsyncDisposableStack, command: ChildCommand): Child {
  if (stack.disposed) throw new Error('the run is ending: nothing is started any more');
  mkdirSync(command.folder, { recursive: true });
  const logPath = `${command.folder}.log`;
  const log = openSync(logPath, 'a');
  const startedAtMs = performance.now();
  const child = spawn(command.file, command.args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...command.env },
  });
  closeSync(log);
  let failure: Error | null = null;
  const exited = new Promise<void>((resolve) => {
    child.on('exit', () => resolve());
    child.on('error', (error) => {
      failure = error;
      resolve();
    });
  });
  const usage = new ProcessTree(child.pid ?? 0, command.folder);
  const stop = () => stopChild(child, exited, usage);
  stack.defer(async () => {
    await stop();
  });

  return {
    usage,
    stop,
    async readyAfterMs(ready) {
      while (!(await ready())) {
        const ended = failure !== null || child.exitCode !== null || child.signalCode !== null;
        if (ended || performance.now() - startedAtMs > READY_LIMIT_MS) {
          const what = ended ? 'ended before it was ready' : `was not ready within ${READY_LIMIT_MS} ms`;
          throw new Error(`${command.name} ${what}${failure === null ? '' : `: ${failure.message}`}\n${tail(logPath)}`);
        }
        await sleep(READY_POLL_MS);
      }
      return performance.now() - startedAtMs;
    },
  };
}

async function stopChild(child: ChildProcess, exited: Promise<void>, usage: ProcessTree): Promise<number> {
  const startedAtMs = performance.now();
  const pid = child.pid;
  if (pid === undefined) return 0;
  if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
  const stopped = await Promise.race([exited.then(() => true), sleep(STOP_LIMIT_MS, false, { ref: false })]);
  const tookMs = performance.now() - startedAtMs;
  if (!stopped) kill(-pid);
  await exited;
  await endOrphans(usage);
  return tookMs;
}

async function endOrphans(usage: ProcessTree): Promise<void> {
  const deadlineMs = performance.now() + ORPHAN_LIMIT_MS;
  while (usage.databasePids().length > 0 && performance.now() < deadlineMs) await sleep(READY_POLL_MS);
  for (const pid of usage.databasePids()) {
    process.stderr.write(`bench: process ${pid} outlived its server and is killed\n`);
    kill(pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in the meantime.
  }
}

function tail(path: string): string {
  return readFileSync(path, 'utf8').slice(-LOG_TAIL_CHARS);
}
