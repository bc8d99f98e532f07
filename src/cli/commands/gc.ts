import { Command } from 'commander';
import type { CliContext } from '../context.ts';

interface GcOptions {
  readonly dryRun?: boolean;
  readonly ignoreDelay?: boolean;
  readonly json?: boolean;
}

/** `artifortress gc`: what the worker does by and by, told or done at once. */
export function gcCommand(context: CliContext): Command {
  return new Command('gc')
    .description(
      'Remove what nothing refers to any more. The worker of the server does that by itself; this does it now.',
    )
    .option('--dry-run', 'tell what would be freed, when and why, and change nothing')
    .option(
      '--ignore-delay',
      'remove condemned blobs before ARTIFORTRESS_DELETION_DELAY_SECONDS is over: an older backup of the database then lacks their bytes',
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
A blob goes when its last reference is dropped, by "blob delete" or with its repository: it is condemned, kept for the deletion
delay, and then removed, unless somebody commits the same bytes again before. Nothing that a repository refers to is ever touched.

Examples:
  $ artifortress gc --dry-run
  $ artifortress gc`,
    )
    .action(async ({ dryRun = false, ignoreDelay = false, json = false }: GcOptions) => {
      const { runGc } = await import('../run-gc.ts');
      context.exitCode = await runGc({ dryRun, ignoreDelay, json });
    });
}
