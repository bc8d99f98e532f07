import { Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../context.ts';
import { UsageError } from '../failures.ts';

interface RestoreOptions {
  readonly from: string;
  readonly wal?: string;
  readonly toTime?: string;
  readonly toLsn?: string;
  readonly toName?: string;
  readonly toLatest?: boolean;
  readonly json?: boolean;
}

/** `artifortress restore`: while no server runs. */
export function restoreCommand(context: CliContext): Command {
  return new Command('restore')
    .description('Restore the embedded database from a backup, up to a moment. The server must be stopped.')
    .requiredOption('--from <folder>', 'the backup')
    .option('--wal <folder>', 'the archived log: what ARTIFORTRESS_WAL_ARCHIVE_DIR named')
    .option('--to-time <time>', 'up to this moment, RFC 3339', parseTime)
    .option('--to-lsn <lsn>', 'up to this place in the log, such as 0/3000148', parseLsn)
    .option('--to-name <name>', 'up to a restore point that pg_create_restore_point made')
    .option('--to-latest', 'up to the end of the archived log')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Without --wal the database comes back as it was when the backup ended. With it, one of --to-time, --to-lsn, --to-name and --to-latest
says how far the log is replayed.

The database of the data folder has to be moved away first; the command says how. Objects and keys that are in the data folder stay as
they are, and those that are missing are added from the backup. Nothing is changed before recovery has ended well.

Example:
  $ mv /srv/artifortress/postgres /srv/artifortress/postgres.before-restore
  $ artifortress restore --from /backups/artifortress-2026-03-01 --wal /backups/wal --to-time 2026-03-02T09:30:00Z
  $ artifortress fsck --read-data`,
    )
    .action(async ({ from, wal, json = false, ...to }: RestoreOptions) => {
      const { runRestore } = await import('../run-backup.ts');
      context.exitCode = await runRestore({ from, walArchive: wal, target: targetOf(wal, to) }, { json });
    });
}

function targetOf(wal: string | undefined, to: Pick<RestoreOptions, 'toTime' | 'toLsn' | 'toName' | 'toLatest'>) {
  const targets = [
    ...(to.toTime === undefined ? [] : [{ kind: 'time' as const, value: to.toTime }]),
    ...(to.toLsn === undefined ? [] : [{ kind: 'lsn' as const, value: to.toLsn }]),
    ...(to.toName === undefined ? [] : [{ kind: 'name' as const, value: to.toName }]),
    ...(to.toLatest === true ? [{ kind: 'latest' as const }] : []),
  ];
  const [target, ...others] = targets;
  if (others.length > 0) throw new UsageError('Give one of --to-time, --to-lsn, --to-name and --to-latest.');
  if (wal === undefined && target !== undefined) {
    throw new UsageError(
      'The log that leads there is in the archive: give --wal, the folder of ARTIFORTRESS_WAL_ARCHIVE_DIR.',
    );
  }
  if (wal !== undefined && target === undefined) {
    throw new UsageError('--wal needs to know how far: give --to-time, --to-lsn, --to-name or --to-latest.');
  }
  return target ?? { kind: 'backup' as const };
}

function parseTime(text: string): string {
  const isMoment = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/.test(text);
  if (!isMoment || Number.isNaN(Date.parse(text))) {
    throw new InvalidArgumentError('Give an RFC 3339 time with its offset, such as 2026-03-02T09:30:00Z.');
  }
  return text;
}

function parseLsn(text: string): string {
  if (!/^[0-9A-Fa-f]{1,8}\/[0-9A-Fa-f]{1,8}$/.test(text))
    throw new InvalidArgumentError('Give a place such as 0/3000148.');
  return text;
}
