import { Command } from 'commander';
import type { CliContext } from '../context.ts';

/** `artifortress config`: the settings that the server would run with. */
export function configCommand(context: CliContext): Command {
  return new Command('config')
    .description("Show the server's effective settings, secrets hidden.")
    .option('--json', 'print them as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ artifortress config\n  $ ARTIFORTRESS_DATA_DIR=/srv/artifortress artifortress config --json',
    )
    .action(async ({ json = false }: { readonly json?: boolean }) => {
      const { printConfig } = await import('../../operator/print-config.ts');
      context.exitCode = await printConfig({ json });
    });
}
