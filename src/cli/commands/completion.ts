import { Argument, Command } from 'commander';
import { describeCommand } from '../command-tree.ts';
import { completionScript, SHELLS, type Shell } from '../completion.ts';
import type { CliContext } from '../context.ts';

/** `artifortress completion`: a script for the shell, made of every command. */
export function completionCommand(context: CliContext, loadAll: () => Promise<Command>): Command {
  return new Command('completion')
    .description('Print the script that makes a shell complete commands, options and repositories.')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  $ source <(artifortress completion bash)          # in ~/.bashrc
  $ source <(artifortress completion zsh)           # in ~/.zshrc, after compinit
  $ artifortress completion fish > ~/.config/fish/completions/artifortress.fish`,
    )
    .action(async (shell: Shell) => {
      const program = await loadAll();
      context.environment.stdout.write(completionScript(shell, describeCommand(program)));
    });
}
