import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A command in a pseudo-terminal. */
export interface TerminalRun {
  /** All that the terminal was sent so far, standard output and standard error together as a person sees them. */
  sent(this: void): string;
  readonly code: Promise<number>;
  /** As if the keys had been pressed. */
  type(this: void, keys: string): void;
}

export interface TerminalOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Left out for a terminal that does not know its size. */
  readonly columns?: number;
}

/** Starts a command in a pseudo-terminal of `script`, which is part of every Debian. */
export function runInTerminal(command: readonly string[], { cwd, env, columns }: TerminalOptions): TerminalRun {
  const size = columns === undefined ? '' : `stty cols ${columns} rows 30; `;
  const line = `${size}exec ${command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')}`;
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], { cwd, env });
  let sent = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    sent += chunk;
  });
  const code = once(child, 'close').then(([ended]: unknown[]) => Number(ended));
  return { sent: () => sent, code, type: (keys) => void child.stdin.write(keys) };
}

const ESCAPE = '\u001b';
const CLEAR_LINE = `${ESCAPE}[2K`;
/** A sequence that sets a colour or a weight. */
export const STYLE = new RegExp(`${ESCAPE}\\[\\d+m`);
const STEP = new RegExp(`\r|\n|${ESCAPE}\\[(?:2K|\\?25[lh]|\\d+m)|[^\r\n${ESCAPE}]+|${ESCAPE}`, 'g');

/** What stands on the terminal after all that. An escape sequence that a progress bar has no business to send throws. */
export function screenOf(sent: string): string[] {
  const lines = [''];
  let column = 0;
  for (const [step] of sent.matchAll(STEP)) {
    if (step === ESCAPE) throw new Error('an escape sequence that is not known');
    if (step === '\n') lines.push('');
    if (step === CLEAR_LINE) lines[lines.length - 1] = '';
    if (step === '\r' || step === '\n') column = 0;
    else if (!step.startsWith(ESCAPE)) {
      const line = (lines.at(-1) ?? '').padEnd(column);
      lines[lines.length - 1] = line.slice(0, column) + step + line.slice(column + step.length);
      column += step.length;
    }
  }
  return lines.map((line) => line.trimEnd());
}

/** Whether the cursor that a bar hides is there again. */
export function showsCursor(sent: string): boolean {
  return sent.lastIndexOf('\u001b[?25h') >= sent.lastIndexOf('\u001b[?25l');
}
