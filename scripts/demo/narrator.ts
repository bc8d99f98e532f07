import type { Exchange } from './exchange.ts';

/** A command line that was run, as it was typed, and what it printed. */
export interface CommandRun {
  line: string;
  output: string;
  exitCode: number;
}

/** What was observed, held against what had to be observed. */
export interface Check {
  claim: string;
  holds: boolean;
  expected: unknown;
  observed: unknown;
}

/** Tells the demo to somebody: a person at a terminal, or a program. */
export interface Narrator {
  chapter(title: string): Promise<void>;
  say(text: string): void;
  /** `by` is the subject whose token was sent. */
  exchange(exchange: Exchange, by: string): void;
  command(run: CommandRun): void;
  check(check: Check): void;
  /** What this installation can't be made to show, and why: never left out in silence. */
  notShown(what: string, why: string): void;
  /** The end; `failure` is why the demo could not go on. */
  finish(summary: Summary): void;
}

export interface Summary {
  checks: number;
  failed: readonly Check[];
  notShown: readonly string[];
  failure: string | undefined;
  seconds: number;
}
