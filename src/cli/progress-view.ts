import type { OnProgress } from '../client/progress.ts';
import type { CliEnvironment } from './environment.ts';
import type { Output } from './output.ts';
import { paint } from './paint.ts';
import { progressBar, progressLine } from './progress-line.ts';
import { addUp } from './transfer-progress.ts';

/** Work shorter than this shows no bar: it would only flicker. */
const SHOW_AFTER_MS = 400;
/** Often enough to look alive, seldom enough to cost nothing. */
const REDRAW_EVERY_MS = 100;
/** How often a log, or a terminal that cannot redraw, is told how far it is. */
const LINE_EVERY_MS = 10_000;
/** Also where a terminal calls itself 0 wide, as those do that nobody has told their size. */
const DEFAULT_COLUMNS = 80;
const CLEAR_LINE = '\r\u001b[2K';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';

export interface ProgressView {
  /** Where the progress of one of the files goes. */
  of(this: void, file: string): OnProgress;
  /** A file is through, or given up. */
  finish(this: void, file: string): void;
  /** Prints a line beside the result, above the bar. */
  note(this: void, line: string): void;
  /** Clears the bar while something else is printed. */
  stopFor(this: void, print: () => void): void;
  /** Clears the bar for good. */
  stop(this: void): void;
}

export interface ProgressViewOptions {
  readonly files: number;
  readonly totalBytes: number;
}

/** Shows how far a transfer is: a bar on a terminal, now and then a line elsewhere, nothing with `--quiet`. */
export function createProgressView(
  environment: CliEnvironment,
  output: Output,
  { files, totalBytes }: ProgressViewOptions,
): ProgressView {
  if (output.isQuiet) {
    const nothing = (): void => undefined;
    return { of: () => nothing, finish: nothing, note: nothing, stopFor: (print) => print(), stop: nothing };
  }
  const { stderr, variables, monotonicMs } = environment;
  const startedMs = monotonicMs();
  const redraws = stderr.isTTY === true && variables.TERM !== 'dumb';
  const progress = addUp(totalBytes);
  let finished = 0;
  let nextLineMs = startedMs + LINE_EVERY_MS;
  let isDrawn = false;

  function draw(): void {
    const overall = progress.overall(monotonicMs());
    if (overall === null || monotonicMs() - startedMs < SHOW_AFTER_MS) return;
    const line = progressBar(overall, files > 1 ? `${finished} of ${files} files` : '', {
      columns: stderr.columns || DEFAULT_COLUMNS,
      unicode: speaksUnicode(variables),
      paintDone: (text) => paint(environment, stderr, 'cyan', text),
      paintRest: (text) => paint(environment, stderr, 'dim', text),
    });
    stderr.write(`${isDrawn ? '' : HIDE_CURSOR}${CLEAR_LINE}${line}`);
    isDrawn = true;
  }

  function clear(): void {
    if (isDrawn) stderr.write(`${CLEAR_LINE}${SHOW_CURSOR}`);
    isDrawn = false;
  }

  // By the clock and not by the bytes: a transfer that stalls has to show that it does.
  const timer = redraws ? setInterval(draw, REDRAW_EVERY_MS) : undefined;
  timer?.unref();

  return {
    of: (file) => (at) => {
      const now = monotonicMs();
      progress.report(file, at, now);
      if (redraws || now < nextLineMs) return;
      nextLineMs = now + LINE_EVERY_MS;
      const overall = progress.overall(now);
      if (overall !== null) output.note(progressLine(overall));
    },
    finish(file) {
      progress.finish(file);
      finished += 1;
    },
    note(line) {
      clear();
      output.note(line);
    },
    stopFor(print) {
      clear();
      print();
    },
    stop() {
      clearInterval(timer);
      clear();
    },
  };
}

/** POSIX: the first of these that is set decides. */
function speaksUnicode({ LC_ALL, LC_CTYPE, LANG }: CliEnvironment['variables']): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}
