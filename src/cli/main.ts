import { CommanderError } from 'commander';
import { createContext } from './context.ts';
import { type CliEnvironment, processEnvironment } from './environment.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';
import { explain } from './explain.ts';
import { paint } from './paint.ts';
import { buildProgram } from './program.ts';

/** Runs one command line (without `node` and the script) and returns what the process is to exit with. */
export async function runCli(
  argv: readonly string[],
  environment: CliEnvironment = processEnvironment(),
): Promise<number> {
  const context = createContext(environment);
  endQuietlyWhenUnread(environment);
  try {
    const given = asHelp(argv);
    const program = await buildProgram(given, context);
    await program.parseAsync(given, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    // Commander has said it already, on the stream it belongs to.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    environment.stderr.write(`${paint(environment, environment.stderr, 'red', 'artifortress:')} ${explain(error)}\n`);
    return exitCodeOf(error);
  } finally {
    context.dispose();
  }
}

/** Nothing at all asks for help, and "help push" is "push --help": one way to load a command. */
function asHelp(argv: readonly string[]): string[] {
  if (argv.length === 0) return ['--help'];
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv];
}

/** What a shell reports for a program whose reader went away (128 + SIGPIPE): `artifortress audit --all | head`. */
const UNREAD_EXIT_CODE = 141;

/** For the life of the process: what was written last can fail after the command has ended. */
function endQuietlyWhenUnread({ stdout, stderr, exitNow }: CliEnvironment): void {
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') exitNow(UNREAD_EXIT_CODE);
    });
  }
}
