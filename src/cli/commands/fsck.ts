import { Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../context.ts';

interface FsckOptions {
  readonly repair?: boolean;
  readonly readData?: number | true;
  readonly grace: number;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** A week: longer than any upload and, by the defaults, than any restore takes to be noticed. */
const DEFAULT_GRACE_HOURS = 168;

/** `artifortress fsck`: database and store compared. */
export function fsckCommand(context: CliContext): Command {
  return new Command('fsck')
    .description('Compare the database with the object store, both ways. Safe beside a running server.')
    .option('--repair', 'mend what can be mended; each repair is a row of the audit trail')
    .option(
      '--read-data [percent]',
      'read blobs whole and hash them: all, or this share of them, chosen at random',
      parsePercent,
    )
    .option('--grace <hours>', 'leave strays alone that are younger', parseHours, DEFAULT_GRACE_HOURS)
    .option('--json', 'print the report as JSON')
    .option('-q, --quiet', 'print no progress')
    .addHelpText(
      'after',
      `
What it finds, and what --repair does:
  bytes missing or wrong        marks the blob damaged: reading it is a 503 until somebody uploads it again, which heals it
  damaged, but bytes are right  marks it live again
  objects and unfinished uploads of nobody, older than --grace   removes them
  condemned blobs without a job, blobs without a repository      plans their removal

It uses the server's own settings (environment), and ends with 0 where nothing is wrong any more, 1 where something is, 6 where the
database or the store can't be reached.

Examples:
  $ artifortress fsck
  $ artifortress fsck --read-data 5
  $ artifortress fsck --read-data --repair --json > fsck.json`,
    )
    .action(async ({ repair = false, readData, grace, json = false, quiet = false }: FsckOptions) => {
      const { runFsck } = await import('../run-fsck.ts');
      const readPercent = readData === true ? 100 : (readData ?? 0);
      context.exitCode = await runFsck({ repair, readPercent, graceHours: grace, json, quiet });
    });
}

function parsePercent(text: string): number {
  const percent = Number(text.replace(/%$/, ''));
  if (!(percent > 0 && percent <= 100)) throw new InvalidArgumentError('Give a share from above 0 to 100, such as 5.');
  return percent;
}

function parseHours(text: string): number {
  const hours = Number(text);
  if (text.trim() === '' || !(hours >= 0)) throw new InvalidArgumentError('Give a number of hours, such as 24.');
  return hours;
}
