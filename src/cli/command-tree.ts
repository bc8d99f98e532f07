import type { Command, Option } from 'commander';

/** A command as data, for what is made from all of them. */
export interface CommandNode {
  /** Without the program's own: `['repo', 'create']`. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly usage: string;
  readonly commands: readonly CommandNode[];
  readonly options: readonly OptionNode[];
  readonly takesRepository: boolean;
  readonly takesFile: boolean;
  /** What the help says below the options: examples, and more. */
  readonly more: string;
}

interface OptionNode {
  /** `-o, --output <file>`. */
  readonly flags: string;
  readonly names: readonly string[];
  readonly summary: string;
  /** The summary with the choices and the default, as the help shows them. */
  readonly description: string;
  readonly takesValue: boolean;
  readonly choices: readonly string[];
}

/** The program and all below it. */
export function describeCommand(command: Command, path: readonly string[] = []): CommandNode {
  const names = command.registeredArguments.map((argument) => argument.name());
  return {
    path,
    summary: command.description(),
    usage: [...(path.length > 0 ? path : []), command.usage()].join(' '),
    commands: command.commands.map((child) => describeCommand(child, [...path, child.name()])),
    options: [...command.options, ...helpOption(command)].map((option) => describeOption(command, option)),
    takesRepository: names.includes('repository'),
    takesFile: names.includes('file'),
    more: textAfterHelp(command),
  };
}

function helpOption(command: Command): readonly Option[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .filter((option) => option.long === '--help');
}

function describeOption(command: Command, option: Option): OptionNode {
  return {
    flags: option.flags,
    names: [option.short, option.long].filter((name) => typeof name === 'string'),
    summary: option.description,
    description: command.createHelp().optionDescription(option),
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  };
}

/** What `addHelpText('after', …)` has added: commander only ever writes it, behind the rest of the help. */
function textAfterHelp(command: Command): string {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  return help.slice(command.helpInformation().length).trim();
}
