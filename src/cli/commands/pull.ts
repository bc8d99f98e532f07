import type { Command } from 'commander';
import { clientCommand, parseParallel } from '../command.ts';
import type { CliContext } from '../context.ts';
import type { PullCommandOptions } from '../run-pull.ts';

const MORE_HELP = `
The file gets its name only once its digest is proved. After Ctrl-C, a lost network or a reboot the same command goes on with what
came, which is kept beside the file, in .<name>.….partial.

With -o - bytes flow before the last one is verified: if the exit code is not 0, drop what came.`;

/** `artifortress pull`: the file takes its name only once its digest is proved. */
export function pullCommand(context: CliContext): Command {
  return clientCommand('pull', 'Fetch a blob, verified: a file gets its name only once every byte is right.', [
    'artifortress pull libs/9f86d081884c7d65… -o app.tar',
    'artifortress pull libs/9f86d081884c7d65… -o - | tar x',
  ])
    .argument('<blob>', '<repository>/<digest>')
    .option('-o, --output <file>', 'the file or folder, or - for standard output (default: ./<digest>)')
    .option('--no-resume', 'begin anew, and leave nothing when interrupted')
    .option('--parallel <n>', 'ranges in flight at once (default: as many as make it faster)', parseParallel)
    .addHelpText('after', MORE_HELP)
    .action(async (reference: string, options: PullCommandOptions) => {
      const { runPull } = await import('../run-pull.ts');
      await runPull(context, reference, options);
    });
}
