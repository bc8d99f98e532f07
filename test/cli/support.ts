import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import type { CliEnvironment } from '../../src/cli/environment.ts';
import { runCli } from '../../src/cli/main.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface CliRun {
  readonly result: Promise<CliResult>;
  /** As if the terminal had sent it. */
  signal(name: NodeJS.Signals): void;
  readonly exited: number[];
  passTime(milliseconds: number): void;
}

export interface CliInput {
  readonly variables?: Record<string, string>;
  readonly stdin?: string | Buffer;
}

/** A folder of its own for each test, gone afterwards. */
export async function temporaryFolder(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'artifortress-test-'));
  // Retried: a command that was just killed may still be writing, into its compile cache for one.
  const remove = () => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  return { path: folder, [Symbol.asyncDispose]: remove };
}

/** Starts the command line in this process, with streams and signals of its own. */
export function startCli(argv: readonly string[], home: string, { variables = {}, stdin = '' }: CliInput = {}): CliRun {
  const stdout = collector();
  const stderr = collector();
  const listeners = new Set<(name: NodeJS.Signals) => void>();
  const exited: number[] = [];
  let now = 0;
  const environment: CliEnvironment = {
    variables,
    stdin: Readable.from([Buffer.from(stdin)], { objectMode: false }),
    stdout: stdout.stream,
    stderr: stderr.stream,
    homeFolder: () => home,
    nowMs: () => Date.now(),
    monotonicMs: () => now,
    onSignal: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    exitNow: (code) => exited.push(code),
  };
  return {
    result: runCli(argv, environment).then((code) => ({ code, stdout: stdout.all(), stderr: stderr.all().toString() })),
    signal: (name) => {
      for (const listener of listeners) listener(name);
    },
    exited,
    passTime: (milliseconds) => {
      now += milliseconds;
    },
  };
}

export function cli(argv: readonly string[], home: string, input: CliInput = {}): Promise<CliResult> {
  return startCli(argv, home, input).result;
}

function collector(): { stream: PassThrough; all(): Buffer } {
  const stream = new PassThrough();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return { stream, all: () => Buffer.concat(chunks) };
}
