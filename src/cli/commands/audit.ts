import { once } from 'node:events';
import { Command, InvalidArgumentError } from 'commander';
import type { Artifortress } from '../../client/artifortress.ts';
import type { AuditFilters, AuditRow } from '../../client/types.ts';
import { type CommonOptions, clientCommand, type ListOptions, listCommand, outputOf } from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { openFileTarget } from '../file-target.ts';
import { type Column, formatTable } from '../format.ts';
import { printList } from '../output.ts';

interface AuditOptions extends ListOptions {
  readonly action?: string;
  readonly actor?: string;
  readonly resourceType?: string;
  readonly resourceId?: string;
  readonly repo?: string;
  readonly since?: string;
  readonly until?: string;
  readonly follow?: boolean;
}

/** `artifortress audit`: who did what, when, to what. */
export function auditCommand(context: CliContext): Command {
  return trailCommand(context)
    .enablePositionalOptions()
    .addCommand(exportCommand(context))
    .addCommand(verifyCommand(context))
    .addCommand(proveCommand(context))
    .addCommand(newEpochCommand(context));
}

function trailCommand(context: CliContext): Command {
  return listCommand('audit', 'Show who did what, newest first.', [
    'artifortress audit --limit 20',
    'artifortress audit --actor alice --since 2025-01-01T00:00:00Z',
    'artifortress audit --repo libs --action upload.committed --all --json',
    'artifortress audit --follow --action authz.denied',
    'artifortress audit export -o trail.ndjson && artifortress audit verify trail.ndjson',
  ])
    .option('--action <action>', 'such as upload.committed')
    .option('--actor <subject>', 'who did it')
    .option('--resource-type <type>', 'such as upload_session')
    .option('--resource-id <id>', 'which one')
    .option('-r, --repo <repository>', 'of this repository, also one that is deleted')
    .option('--since <time>', 'from then on, RFC 3339')
    .option('--until <time>', 'before then, RFC 3339')
    .option('-f, --follow', 'go on with each new row, until Ctrl-C; with --since, all from then on')
    .action(async ({ action, actor, resourceType, resourceId, repo, since, until, ...options }: AuditOptions) => {
      const client = await connect(context, options, { patient: options.follow });
      const filters = { action, actor, resourceType, resourceId, repoKey: repo, since, until };
      if (options.follow === true) return await followTrail(context, client, filters, options);
      await printList<AuditRow>(outputOf(context, options), {
        readPage: (page) => client.audit.list({ ...filters, ...page, signal: context.signal }),
        columns: COLUMNS,
        empty: 'No such row.',
        options,
      });
    });
}

const COLUMNS: readonly Column<AuditRow>[] = [
  { title: 'WHEN', text: (row) => row.occurredAtUtc },
  { title: 'ACTOR', text: (row) => row.actor },
  { title: 'ACTION', text: (row) => row.action },
  { title: 'REPOSITORY', text: (row) => row.repoKey ?? '-' },
  { title: 'RESOURCE', text: (row) => `${row.resourceType} ${row.resourceId}` },
];

/** Each row once, as soon as no row before it can still come. As JSON it is a line a row. */
async function followTrail(
  context: CliContext,
  client: Artifortress,
  filters: AuditFilters,
  options: AuditOptions,
): Promise<void> {
  const output = outputOf(context, options);
  output.note('Following the audit trail; Ctrl-C ends it.');
  for await (const row of client.audit.follow({ ...filters, cursor: options.cursor, signal: context.signal })) {
    output.result(row, formatTable(COLUMNS, [row], false));
  }
}

interface ExportOptions extends CommonOptions {
  readonly output: string;
  readonly fromBatch?: number;
}

/** `artifortress audit export`: the sealed trail, for keeping and for verifying elsewhere. */
function exportCommand(context: CliContext): Command {
  return clientCommand('export', 'Write the sealed trail as NDJSON, oldest first, with its signed checkpoints.', [
    'artifortress audit export -o trail.ndjson',
    'artifortress audit export --from-batch 120 | gzip > trail-120.ndjson.gz',
  ])
    .option('-o, --output <file>', 'the file, or - for standard output', '-')
    .option('--from-batch <n>', 'go on from here: the nextBatch at the end of an earlier export', parseBatch)
    .action(async (options: ExportOptions) => {
      const { environment, signal } = context;
      const client = await connect(context, options);
      const stream = await client.audit.export({ fromBatch: options.fromBatch, signal });
      if (options.output === '-') {
        for await (const chunk of stream) {
          if (!environment.stdout.write(chunk)) await once(environment.stdout, 'drain', { signal });
        }
        return;
      }
      const target = await openFileTarget(options.output, 'audit.ndjson');
      try {
        for await (const chunk of stream) await target.write(chunk);
      } catch (error) {
        await target.discard();
        throw error;
      }
      await target.keep();
      outputOf(context, options).note(
        `Exported to ${target.file}. Check it with: artifortress audit verify ${target.file}`,
      );
    });
}

interface VerifyOptions {
  readonly keys?: string;
  readonly expect?: string;
  readonly earlier?: string;
  readonly json?: boolean;
}

const KEYS_HELP = `
Keys are those that you trust: save them once, from the installation itself, and keep them away from it.
  $ artifortress keys --json > keys.json`;

/** `artifortress audit verify`: works without a server. */
function verifyCommand(context: CliContext): Command {
  return new Command('verify')
    .description('Check an export, without a server: edited, removed, inserted and moved rows are found.')
    .argument('<file>', 'an export, or - for standard input')
    .option('--keys <file>', 'the keys that you trust (else those that the export brings)')
    .option(
      '--expect <checkpoint>',
      'a checkpoint seen before, which the trail must hold: so that nothing is cut off its end',
    )
    .option(
      '--earlier <file>',
      'an export from before: what was sealed then and is missing now is listed, with the reason',
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `${KEYS_HELP}

After a restore of the database the trail goes on in a new epoch, which a signed statement opens; what had been sealed since the point
that was restored to is missing. --earlier tells a restore from a rewritten history.

It ends with 0 where every row is proved, with 1 where something is wrong.

Examples:
  $ artifortress audit verify trail.ndjson --keys keys.json
  $ artifortress audit export | artifortress audit verify - --expect 5d41402abc4b2a76…
  $ artifortress audit verify after-the-restore.ndjson --earlier before.ndjson --keys keys.json`,
    )
    .action(async (file: string, options: VerifyOptions) => {
      const { runVerifyAudit } = await import('../run-audit.ts');
      context.exitCode = await runVerifyAudit(context, file, options);
    });
}

interface ProveOptions extends CommonOptions {
  readonly export?: string;
  readonly keys?: string;
}

/** `artifortress audit prove`: one row, from the server or from an export. */
function proveCommand(context: CliContext): Command {
  return clientCommand(
    'prove',
    'Prove that a row is in the sealed trail: its path in the tree, its signed checkpoint.',
    [
      'artifortress audit prove 4711',
      'artifortress audit prove 4711 --export trail.ndjson --keys keys.json --json > proof.json',
    ],
  )
    .argument('<id>', 'the auditId of the row')
    .option('--export <file>', 'take it from an export, without a server')
    .option('--keys <file>', 'the keys that you trust (else those of the server, or of the export)')
    .addHelpText('after', KEYS_HELP)
    .action(async (auditId: string, options: ProveOptions) => {
      const { runProveAudit } = await import('../run-audit.ts');
      context.exitCode = await runProveAudit(context, auditId, options);
    });
}

/** `artifortress audit new-epoch`: on the server's own machine. */
function newEpochCommand(context: CliContext): Command {
  return new Command('new-epoch')
    .description('Declare, in the trail itself, that the database was restored from a copy.')
    .requiredOption('--note <text>', 'what was restored, from what, why; it is signed, and stays in the trail')
    .addHelpText(
      'after',
      `
A restore from a base backup, and a database that was dumped and loaded, are noticed by themselves. Files that were copied back while the
server stood still are not: declare those, before anything else is done.

It uses the server's own settings (environment).

Example:
  $ artifortress audit new-epoch --note 'data folder put back from the copy of 2026-03-01, disk failure'`,
    )
    .action(async ({ note }: { note: string }) => {
      const { runNewEpoch } = await import('../run-new-epoch.ts');
      context.exitCode = await runNewEpoch(note);
    });
}

function parseBatch(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Give the number of a batch, from 1 on.');
  return Number(text);
}
