import type { CliContext } from './context.ts';
import type { CliEnvironment } from './environment.ts';
import { Interrupted, UsageError } from './failures.ts';

/** No token is longer; more on standard input is another file than the one meant. */
const MAX_SECRET_CHARACTERS = 16 * 1024;
const ENTERS: ReadonlySet<string> = new Set(['\r', '\n']);
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACES: ReadonlySet<string> = new Set(['\u0008', '\u007f']);

/** A secret from standard input, without the newline at its end: an argument would show in the list of processes. */
export async function readSecretFromStdin(context: CliContext, what: string): Promise<string> {
  const { stdin } = context.environment;
  let text = '';
  stdin.setEncoding('utf8');
  const stop = (): void => void stdin.destroy();
  context.signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of stdin) {
      text += String(chunk);
      if (text.length > MAX_SECRET_CHARACTERS) throw new UsageError(`Standard input is too long for ${what}.`);
    }
  } catch (error) {
    throw context.signal.aborted ? new Interrupted('SIGINT') : error;
  }
  const secret = text.trim();
  if (secret === '' || /\s/.test(secret)) throw new UsageError(`Standard input holds no ${what}: pipe it in, alone.`);
  return secret;
}

/** Whether a person is there to be asked. */
export function canPrompt({ stdin, stderr }: CliEnvironment): boolean {
  return stdin.isTTY === true && stderr.isTTY === true && stdin.setRawMode !== undefined;
}

/** Asks on the terminal; what is typed shows only where `echo` says so. */
export async function prompt(environment: CliEnvironment, question: string, echo: boolean): Promise<string> {
  const { stdin, stderr } = environment;
  stderr.write(question);
  stdin.setEncoding('utf8');
  // Raw mode, because a terminal in its usual mode shows what is typed before any program sees it.
  stdin.setRawMode?.(true);
  stdin.resume();
  try {
    return await typedLine(environment, echo);
  } finally {
    stdin.setRawMode?.(false);
    stdin.pause();
    stderr.write('\n');
  }
}

/** What was typed up to Enter. */
function typedLine({ stdin, stderr }: CliEnvironment, echo: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = '';
    const settle = (finish: () => void): void => {
      stdin.off('data', onData);
      stdin.off('end', onEnd);
      finish();
    };
    const onEnd = (): void => settle(() => reject(new UsageError('Nothing was typed.')));
    const onCharacter = (character: string): void => {
      if (BACKSPACES.has(character)) {
        if (echo && line !== '') stderr.write('\b \b');
        line = line.slice(0, -1);
      } else if (line.length < MAX_SECRET_CHARACTERS) {
        line += character;
        if (echo) stderr.write(character);
      }
    };
    const onData = (chunk: unknown): void => {
      for (const character of String(chunk)) {
        if (ENTERS.has(character)) settle(() => resolve(line.trim()));
        else if (character === CTRL_C) settle(() => reject(new Interrupted('SIGINT')));
        else if (character === CTRL_D) onEnd();
        else onCharacter(character);
      }
    };
    stdin.on('data', onData);
    stdin.on('end', onEnd);
  });
}
