import { Command } from 'commander';
import type { CliContext } from '../context.ts';

/** `artifortress serve`: the server. Nothing of it is loaded for any other command. */
export function serveCommand(context: CliContext): Command {
  return new Command('serve')
    .description('Run the server.')
    .addHelpText(
      'after',
      '\nSettings come from the environment: "artifortress config" shows them.\n\nExamples:\n  $ artifortress serve\n  $ PORT=9000 ARTIFORTRESS_DATA_DIR=/srv/artifortress artifortress serve',
    )
    .action(async () => {
      const { serve } = await import('../../operator/serve.ts');
      context.exitCode = await serve();
    });
}
