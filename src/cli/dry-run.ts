import type { Command } from 'commander';
import type { Artifortress } from '../client/artifortress.ts';
import type { CommonOptions } from './command.ts';

export interface DryRunOptions extends CommonOptions {
  readonly dryRun?: boolean;
}

/** Gives a command `--dry-run`; its help says what reading requests can't tell. */
export function withDryRun(command: Command, untold: string): Command {
  return command
    .option('--dry-run', 'tell what would be changed, and change nothing')
    .addHelpText(
      'after',
      `\nWith --dry-run only reading requests are made. It ends as the command itself would by what is so now.\n${untold}`,
    );
}

/**
 * Fails as a change to the repository would for who may not administer it, or where it is not there: reading its bindings takes the
 * same right.
 */
export async function requireAdmin(client: Artifortress, repoKey: string, signal: AbortSignal): Promise<void> {
  await client.bindings.list(repoKey, { limit: 1, signal });
}
