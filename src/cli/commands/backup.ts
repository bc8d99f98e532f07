import { Command } from 'commander';
import type { CliContext } from '../context.ts';

interface BackupOptions {
  readonly to: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `artifortress backup`: on the machine of the server, running or not. */
export function backupCommand(context: CliContext): Command {
  return new Command('backup')
    .description('Back up the embedded database, the keys and the folder of the bytes. The server may go on running.')
    .requiredOption('--to <folder>', 'a new folder for this backup, on another disk')
    .option('--json', 'print the result as JSON')
    .option('-q, --quiet', 'print no progress')
    .addHelpText(
      'after',
      `
It uses the server's own settings (environment). Bytes that lie in a bucket are not copied: the bucket's own versioning and replication
keep those. With ARTIFORTRESS_WAL_ARCHIVE_DIR set for the server, "artifortress restore" can go from this backup to any later moment;
without it, to the moment at which the backup ended. The backup must take less time than ARTIFORTRESS_DELETION_DELAY_SECONDS.

It holds the keys and the hashes of the tokens: keep it as safe as the installation.

Example:
  $ artifortress backup --to /backups/artifortress-$(date +%F)`,
    )
    .action(async ({ to, json = false, quiet = false }: BackupOptions) => {
      const { runBackup } = await import('../run-backup.ts');
      context.exitCode = await runBackup(to, { json, quiet });
    });
}
