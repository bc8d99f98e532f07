import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { systemClock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { COMMAND_ENVIRONMENT, type Command } from './command.ts';
import { createServerLog, saysReady } from './server-log.ts';
import { type Stoppable, settledWithin, shutDown } from './shut-down.ts';

export interface ServerExit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface LaunchedServer extends Stoppable {
  readonly exit: Promise<ServerExit>;
}

export type LaunchOutcome =
  | { readonly state: 'ready'; readonly server: LaunchedServer }
  | { readonly state: 'failed'; readonly reason: string; readonly lastLines: readonly string[] };

/** Recovery reports its progress every 10 s, but the checkpoint at its end is silent on a slow disk. */
const SILENCE_LIMIT_MS = 2 * 60_000;
/** Recovery replays at most some gigabytes of log, whatever its size: longer than this, a person has to look. */
const START_LIMIT_MS = 30 * 60_000;
const LOOK_AGAIN_MS = 500;
/** After the end of the server its last words are in the pipe; an orphan of it could keep the pipe open. */
const LAST_WORDS_LIMIT_MS = 500;

/** Starts the server in a session of its own and waits until it accepts connections, or ends, or goes quiet. */
export async function launch(command: Command, log: Logger): Promise<LaunchOutcome> {
  const [program, ...args] = command;
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'], env: COMMAND_ENVIRONMENT });
  const exit = new Promise<ServerExit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.on('error', () => resolve({ code: null, signal: null }));
  });
  const server: LaunchedServer = {
    exit,
    signal: (name) => void child.kill(name),
    goneWithin: (limitMs) => settledWithin(exit, limitMs),
  };

  const serverLog = createServerLog(log);
  const ready = Promise.withResolvers<void>();
  const lines = createInterface({ input: child.stderr });
  const end = new Promise<void>((resolve) => lines.once('close', resolve));
  let lastLineMs = systemClock.monotonicMs();
  lines.on('line', (line) => {
    lastLineMs = systemClock.monotonicMs();
    serverLog.read(line);
    if (saysReady(line)) ready.resolve();
  });

  const startedMs = lastLineMs;
  const outcome = Promise.race([ready.promise.then(() => 'ready' as const), exit]);
  while (!(await settledWithin(outcome, LOOK_AGAIN_MS))) {
    const nowMs = systemClock.monotonicMs();
    if (nowMs - lastLineMs < SILENCE_LIMIT_MS && nowMs - startedMs < START_LIMIT_MS) continue;
    await shutDown(server, log);
    const seconds = Math.round((nowMs - startedMs) / 1000);
    return { state: 'failed', reason: `was not ready after ${seconds} s`, lastLines: serverLog.lastLines() };
  }
  const settled = await outcome;
  if (settled === 'ready') return { state: 'ready', server };
  await settledWithin(end, LAST_WORDS_LIMIT_MS);
  return { state: 'failed', reason: `ended with ${describeExit(settled)}`, lastLines: serverLog.lastLines() };
}

export function describeExit({ code, signal }: ServerExit): string {
  if (signal !== null) return `signal ${signal}`;
  return code === null ? 'no exit code (it could not be run)' : `exit code ${code}`;
}
