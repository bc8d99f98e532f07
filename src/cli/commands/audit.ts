import type { Command } from 'commander';
import type { AuditRow } from '../../client/types.ts';
import { type ListOptions, listCommand, outputOf } from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { printList } from '../output.ts';

interface AuditOptions extends ListOptions {
  readonly action?: string;
  readonly actor?: string;
  readonly resourceType?: string;
  readonly resourceId?: string;
  readonly since?: string;
  readonly until?: string;
}

/** `artifortress audit`: who did what, when, to what. */
export function auditCommand(context: CliContext): Command {
  return listCommand('audit', 'Show who did what, newest first.', [
    'artifortress audit --limit 20',
    'artifortress audit --actor alice --since 2025-01-01T00:00:00Z',
    'artifortress audit --action upload.committed --all --json',
  ])
    .option('--action <action>', 'such as upload.committed')
    .option('--actor <subject>', 'who did it')
    .option('--resource-type <type>', 'such as upload_session')
    .option('--resource-id <id>', 'which one')
    .option('--since <time>', 'from then on, RFC 3339')
    .option('--until <time>', 'before then, RFC 3339')
    .action(async ({ action, actor, resourceType, resourceId, since, until, ...options }: AuditOptions) => {
      const client = await connect(context, options);
      const filters = { action, actor, resourceType, resourceId, since, until };
      await printList<AuditRow>(outputOf(context, options), {
        readPage: (page) => client.audit.list({ ...filters, ...page, signal: context.signal }),
        columns: [
          { title: 'WHEN', text: (row) => row.occurredAtUtc },
          { title: 'ACTOR', text: (row) => row.actor },
          { title: 'ACTION', text: (row) => row.action },
          { title: 'REPOSITORY', text: (row) => row.repoKey ?? '-' },
          { title: 'RESOURCE', text: (row) => `${row.resourceType} ${row.resourceId}` },
        ],
        empty: 'No such row.',
        options,
      });
    });
}
