import { spawn } from 'node:child_process';

export type Command = readonly [program: string, ...args: string[]];

/**
 * All that a PostgreSQL program gets to see. Our own environment holds the keys of the store, and libpq's variables
 * (PGPORT, PGDATA, PGOPTIONS …) of the person at the terminal would change what the server does.
 */
export const COMMAND_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/** What a failing program says last is why it failed; a bound keeps a talkative one out of our memory. */
const OUTPUT_LIMIT_CHARS = 64 * 1024;

export interface FinishedCommand {
  readonly succeeded: boolean;
  /** Standard output and standard error as they came, cut to the last 64 KiB. */
  readonly output: string;
}

/**
 * Runs a short program to its end, in its own session so that a Ctrl-C meant for us cannot stop it half-way.
 * Never rejects: a program that is missing, fails or outlives `limitMs` (it is then killed with its children) has not succeeded.
 */
export function runToEnd(command: Command, options: { limitMs: number; input?: string }): Promise<FinishedCommand> {
  const [program, ...args] = command;
  return new Promise((resolve) => {
    let output = '';
    const collect = (text: string) => {
      output = (output + text).slice(-OUTPUT_LIMIT_CHARS);
    };
    const child = spawn(program, args, { detached: true, stdio: 'pipe', env: COMMAND_ENVIRONMENT });
    const limit = setTimeout(() => {
      collect(`\nkilled: not done after ${options.limitMs / 1000} s`);
      killSession(child.pid);
    }, options.limitMs);

    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    // A program that ends without reading its input breaks this pipe; its own output tells why.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    child.once('error', (error) => {
      clearTimeout(limit);
      resolve({ succeeded: false, output: error.message });
    });
    child.once('close', (code) => {
      clearTimeout(limit);
      resolve({ succeeded: code === 0, output: output.trim() });
    });
  });
}

function killSession(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended between the time-out and this line.
  }
}
