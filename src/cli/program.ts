import { Command } from 'commander';
import { COMMANDS, type CommandEntry, SERVER } from './command-table.ts';
import type { CliContext } from './context.ts';
import { EXIT_CODES_HELP } from './exit-codes.ts';
import { readVersion } from './version.ts';

const HELP_FOOTER = `
Start here:
  $ artifortress serve                        # in one terminal; prints a bootstrap token the first time
  $ artifortress token issue --help           # get a token with it
  $ artifortress repo create libs
  $ artifortress push app.tar --repo libs
  $ artifortress pull libs/<digest> -o app.tar

Environment:
  ARTIFORTRESS_URL    the server (default: http://127.0.0.1:8080)
  ARTIFORTRESS_TOKEN  the token; both win over "artifortress login"
  NO_COLOR            no colour
  XDG_STATE_HOME      where "artifortress push" keeps what resuming needs (default: ~/.local/state)
  XDG_CONFIG_HOME     where "artifortress login" keeps tokens (default: ~/.config)

artifortress <command> --help shows each command, with examples.

${EXIT_CODES_HELP}`;

const COMPLETION: CommandEntry = {
  name: 'completion',
  summary: 'complete commands in bash, zsh or fish',
  heading: SERVER,
  load: async () => {
    const { completionCommand } = await import('./commands/completion.ts');
    return (context) => completionCommand(context, () => buildFullProgram(context));
  },
};

const ENTRIES: readonly CommandEntry[] = [...COMMANDS, COMPLETION];

function emptyProgram(): Command {
  return (
    new Command('artifortress')
      .description('An artifact repository: what you pull is exactly what was pushed.')
      .helpCommand(false)
      // Options belong to the command that they stand behind, also where a command has both options and commands of its own.
      .enablePositionalOptions()
      .version(readVersion(), '-V, --version', 'show the version')
      .addHelpText('after', HELP_FOOTER)
  );
}

/** The command line for these arguments: the called command in full, of the others the names. */
export async function buildProgram(argv: readonly string[], context: CliContext): Promise<Command> {
  const program = emptyProgram();
  for (const entry of ENTRIES) {
    const isCalled = argv[0] === entry.name || argv[0] === entry.alias;
    const command = isCalled ? (await entry.load())(context) : new Command(entry.name).description(entry.summary);
    program.addCommand(command.helpGroup(entry.heading));
  }
  speakThrough(program, context);
  return program;
}

/** Every command in full, for what is made from all of them: completion, the manual page. */
export async function buildFullProgram(context: CliContext): Promise<Command> {
  const program = emptyProgram();
  for (const entry of ENTRIES) program.addCommand((await entry.load())(context).helpGroup(entry.heading));
  return program;
}

/** Sends what commander itself prints through the environment, and makes it throw where it would end the process. */
function speakThrough(command: Command, context: CliContext): void {
  const { stdout, stderr } = context.environment;
  command
    .exitOverride()
    .showHelpAfterError('Add --help to see how it is used.')
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'artifortress: ')),
    });
  for (const child of command.commands) speakThrough(child, context);
}
