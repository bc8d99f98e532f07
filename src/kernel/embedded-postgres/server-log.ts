import type { Logger } from '../log.ts';

/** `log_line_prefix`: the process and the SQLSTATE, without a time, which our own log adds. */
export const LOG_LINE_PREFIX = '%p %e ';

/** A statement can be megabytes long. */
const LINE_LIMIT_CHARS = 4_000;
const KEPT_LINES = 20;

const PREFIXED_LINE = /^(?<pid>\d+) (?<sqlState>[0-9A-Z]{5}) (?<severity>[A-Z]+\d?): {2}(?<text>.*)$/s;

/** Lines of severity LOG that a person wants to see: a process that died (out of memory?), and what follows from it. */
const NOTEWORTHY = /was terminated by signal|reinitializing|not properly shut down|redo in progress/;

type Level = 'debug' | 'info' | 'warn' | 'error';

export interface ServerLog {
  /** Takes one line that PostgreSQL wrote, and passes it on at its own level. */
  read(line: string): void;
  /** The last twenty lines, as written, to explain a failure. */
  lastLines(): readonly string[];
}

export function createServerLog(log: Logger): ServerLog {
  const kept: string[] = [];
  // DETAIL, HINT and STATEMENT follow the line that they belong to, and continuation lines have no prefix at all. What
  // comes before any prefix is a wrapper or the system's loader, complaining.
  let level: Level = 'warn';
  return {
    read(whole) {
      const line = whole.slice(0, LINE_LIMIT_CHARS);
      kept.push(line);
      if (kept.length > KEPT_LINES) kept.shift();
      const { severity, sqlState, text, pid } = PREFIXED_LINE.exec(line)?.groups ?? {};
      level = levelOf(severity ?? '', sqlState ?? '', text ?? '') ?? level;
      log[level]({ postgres: { pid: pid === undefined ? undefined : Number(pid), severity, sqlState } }, text ?? line);
    },
    lastLines: () => [...kept],
  };
}

/**
 * Undefined for a line that belongs to the one before it. SQLSTATE class 57P is operator intervention: a server that
 * starts or stops turns clients away with it, as it should.
 */
function levelOf(severity: string, sqlState: string, text: string): Level | undefined {
  switch (severity) {
    case 'PANIC':
      return 'error';
    case 'FATAL':
      return sqlState.startsWith('57P') ? 'debug' : 'error';
    case 'ERROR':
    case 'WARNING':
      return sqlState.startsWith('57P') ? 'debug' : 'warn';
    case 'LOG':
      return NOTEWORTHY.test(text) ? 'warn' : 'debug';
    case 'NOTICE':
    case 'INFO':
      return 'debug';
    default:
      return severity.startsWith('DEBUG') ? 'debug' : undefined;
  }
}

/** With lc_messages at C the sentence is the same on every machine. */
export function saysReady(line: string): boolean {
  return line.includes(' LOG:  database system is ready to accept connections');
}

/** Whether the server gave up because one that is just dying still holds the folder. */
export function namesPredecessor(lines: readonly string[]): boolean {
  return lines.some((line) => /FATAL: .*(pre-existing shared memory block|lock file ".*" already exists)/.test(line));
}
