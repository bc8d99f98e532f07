import { Command, InvalidArgumentError } from 'commander';
import type { CliContext } from './context.ts';
import { createOutput, type Output } from './output.ts';

/** The options that every command has. */
export interface CommonOptions {
  readonly url?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export interface ListOptions extends CommonOptions {
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: boolean;
}

/** A command that talks to a server. */
export function clientCommand(name: string, summary: string, examples: readonly string[]): Command {
  return new Command(name)
    .description(summary)
    .option(
      '--url <address>',
      'the server, or the name it was given at login (else ARTIFORTRESS_URL, else the one in use)',
    )
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print nothing beside the result')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ ${example}`).join('\n')}`);
}

/** A command that prints a list. */
export function listCommand(name: string, summary: string, examples: readonly string[]): Command {
  return clientCommand(name, summary, examples)
    .option('--limit <n>', 'items of a page, 1 to 500 (default: 100)', parsePageLimit)
    .option('--cursor <cursor>', 'go on where an earlier page ended')
    .option('--all', 'every page');
}

/** A group of commands: `artifortress repo …`. */
export function group(name: string, summary: string, commands: readonly Command[]): Command {
  const parent = new Command(name).description(summary);
  for (const command of commands) parent.addCommand(command);
  return parent;
}

/** The output that a command's options ask for. */
export function outputOf(context: CliContext, options: CommonOptions): Output {
  return createOutput(context.environment, options);
}

/** For an option that may be repeated. */
export function repeatable(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}

function parsePageLimit(value: string): number {
  const limit = Number(value);
  if (!Number.isInteger(limit) || limit < 1 || limit > 500)
    throw new InvalidArgumentError('Give a number from 1 to 500.');
  return limit;
}

const MINUTES: Readonly<Record<string, number>> = { m: 1, h: 60, d: 24 * 60 };

/** A lifetime in minutes: `90`, `90m`, `8h`, `1d`. */
export function parseTtlMinutes(value: string): number {
  const match = /^(\d{1,6})([mhd]?)$/.exec(value.trim().toLowerCase());
  if (match === null) throw new InvalidArgumentError('Give a time like 90m, 8h or 1d.');
  return Number(match[1]) * (MINUTES[match[2] || 'm'] ?? 1);
}

/** More would be refused somewhere on the way, or only wait for each other. */
const MOST_PARALLEL = 64;

/** For `--parallel`. */
export function parseParallel(value: string): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1 || number > MOST_PARALLEL) {
    throw new InvalidArgumentError(`Give a number from 1 to ${MOST_PARALLEL}.`);
  }
  return number;
}
