import { Command } from 'commander';
import type { CliContext } from './context.ts';
import { EXIT_CODES_HELP } from './exit-codes.ts';
import { readVersion } from './version.ts';

interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly summary: string;
  readonly heading: string;
  readonly load: () => Promise<(context: CliContext) => Command>;
}

const ARTIFACTS = 'Artifacts:';
const ACCESS = 'Access:';
const SERVER = 'Server:';

/** Every command. Only the one that is called is loaded, which keeps the start short. */
const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'push',
    summary: 'send a file into a repository',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/push.ts')).pushCommand,
  },
  {
    name: 'pull',
    summary: 'fetch a blob, verified',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/pull.ts')).pullCommand,
  },
  {
    name: 'blob',
    summary: 'list, look at and delete blobs',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/blob.ts')).blobCommand,
  },
  {
    name: 'upload',
    summary: 'look at upload sessions, and abort them',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/upload.ts')).uploadCommand,
  },
  {
    name: 'repo',
    summary: 'create, list and delete repositories',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/repo.ts')).repoCommand,
  },
  {
    name: 'login',
    summary: 'keep a token for a server',
    heading: ACCESS,
    load: async () => (await import('./commands/login.ts')).loginCommand,
  },
  {
    name: 'logout',
    summary: 'forget it',
    heading: ACCESS,
    load: async () => (await import('./commands/logout.ts')).logoutCommand,
  },
  {
    name: 'whoami',
    summary: 'show who your token is',
    heading: ACCESS,
    load: async () => (await import('./commands/whoami.ts')).whoamiCommand,
  },
  {
    name: 'token',
    summary: 'issue, list and revoke tokens',
    heading: ACCESS,
    load: async () => (await import('./commands/token.ts')).tokenCommand,
  },
  {
    name: 'binding',
    summary: 'say who has which roles',
    heading: ACCESS,
    load: async () => (await import('./commands/binding.ts')).bindingCommand,
  },
  {
    name: 'audit',
    summary: 'show who did what',
    heading: ACCESS,
    load: async () => (await import('./commands/audit.ts')).auditCommand,
  },
  {
    name: 'verify',
    summary: 'hold a file against a custody receipt',
    heading: ARTIFACTS,
    load: async () => (await import('./commands/verify.ts')).verifyCommand,
  },
  {
    name: 'keys',
    summary: 'show the keys that sign receipts and the trail',
    heading: ACCESS,
    load: async () => (await import('./commands/keys.ts')).keysCommand,
  },
  {
    name: 'serve',
    summary: 'run the server',
    heading: SERVER,
    load: async () => (await import('./commands/serve.ts')).serveCommand,
  },
  {
    name: 'config',
    summary: "show the server's settings",
    heading: SERVER,
    load: async () => (await import('./commands/config.ts')).configCommand,
  },
  {
    name: 'fsck',
    summary: 'compare database and object store',
    heading: SERVER,
    load: async () => (await import('./commands/fsck.ts')).fsckCommand,
  },
  {
    name: 'gc',
    summary: 'remove what nothing refers to',
    heading: SERVER,
    load: async () => (await import('./commands/gc.ts')).gcCommand,
  },
  {
    name: 'bench',
    summary: 'load a server, and print rates and latencies',
    heading: SERVER,
    load: async () => (await import('./commands/bench.ts')).benchCommand,
  },
  {
    name: 'backup',
    summary: 'back up the embedded database, the keys and the bytes',
    heading: SERVER,
    load: async () => (await import('./commands/backup.ts')).backupCommand,
  },
  {
    name: 'restore',
    summary: 'restore the embedded database, up to a moment',
    heading: SERVER,
    load: async () => (await import('./commands/restore.ts')).restoreCommand,
  },
  {
    name: 'status',
    alias: 'health',
    summary: 'show whether the server is ready',
    heading: SERVER,
    load: async () => (await import('./commands/status.ts')).statusCommand,
  },
];

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
  XDG_CONFIG_HOME     where "artifortress login" keeps tokens (default: ~/.config)

artifortress <command> --help shows each command, with examples.

${EXIT_CODES_HELP}`;

/** The command line for these arguments: the called command in full, of the others the names. */
export async function buildProgram(argv: readonly string[], context: CliContext): Promise<Command> {
  const program = new Command('artifortress')
    .description('An artifact repository: what you pull is exactly what was pushed.')
    .helpCommand(false)
    // Options belong to the command that they stand behind, also where a command has both options and commands of its own.
    .enablePositionalOptions()
    .version(readVersion(), '-V, --version', 'show the version')
    .addHelpText('after', HELP_FOOTER);
  for (const entry of COMMANDS) {
    const isCalled = argv[0] === entry.name || argv[0] === entry.alias;
    const command = isCalled ? (await entry.load())(context) : new Command(entry.name).description(entry.summary);
    program.addCommand(command.helpGroup(entry.heading));
  }
  speakThrough(program, context);
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
