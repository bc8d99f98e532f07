import type { Readable, Writable } from 'node:stream';

/** The streams, variables and signals of one process: the only thing that the command line takes from around it. */
export interface CliEnvironment {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly homeFolder: () => string;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  /** Milliseconds that only grow. */
  readonly monotonicMs: () => number;
  /** Calls back on Ctrl-C, termination and hang-up, until the returned function is called. */
  onSignal(this: void, listener: (name: NodeJS.Signals) => void): () => void;
  /** Ends the process without waiting for anything. */
  exitNow(this: void, code: number): void;
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** The real process. */
export function processEnvironment(): CliEnvironment {
  return {
    variables: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    homeFolder: () => process.env.HOME ?? process.env.USERPROFILE ?? '.',
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    onSignal(listener) {
      for (const name of SIGNALS) process.on(name, listener);
      return () => {
        for (const name of SIGNALS) process.off(name, listener);
      };
    },
    exitNow: (code) => process.exit(code),
  };
}
