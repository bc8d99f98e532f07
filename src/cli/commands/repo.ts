import { type Command, Option } from 'commander';
import { REPOSITORY_TYPES, type Repository, type RepositoryType } from '../../client/types.ts';
import {
  type CommonOptions,
  clientCommand,
  group,
  type ListOptions,
  listCommand,
  outputOf,
  repeatable,
} from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { type DryRunOptions, withDryRun } from '../dry-run.ts';
import { pairs, printList } from '../output.ts';
import { previewRepositoryDelete } from '../repo-delete-preview.ts';

interface CreateOptions extends CommonOptions {
  readonly type: RepositoryType;
  readonly upstream?: string;
  readonly member?: readonly string[];
}

/** `artifortress repo …`. */
export function repoCommand(context: CliContext): Command {
  return group('repo', 'Create, list and delete repositories.', [
    createCommand(context),
    listRepositoriesCommand(context),
    showCommand(context),
    deleteCommand(context),
  ]);
}

function createCommand(context: CliContext): Command {
  return clientCommand('create', 'Create a repository.', [
    'artifortress repo create libs',
    'artifortress repo create mirror --type remote --upstream https://example.com/files',
    'artifortress repo create all --type virtual --member libs --member mirror',
  ])
    .argument('<repository>', 'its key: up to 64 of a-z 0-9 . _ -')
    .addOption(new Option('--type <type>', 'what it is').choices(REPOSITORY_TYPES).default('local'))
    .option('--upstream <url>', 'what a remote repository stands for')
    .option('--member <repository>', 'what a virtual repository is made of; may be repeated', repeatable)
    .action(async (repoKey: string, { type, upstream, member, ...options }: CreateOptions) => {
      const client = await connect(context, options);
      const created = await client.repositories.create({
        repoKey,
        repoType: type,
        upstreamUrl: upstream,
        memberRepos: member,
        signal: context.signal,
      });
      const output = outputOf(context, options);
      output.note(`Created the ${created.repoType} repository ${created.repoKey}.`);
      output.result(created, []);
    });
}

function listRepositoriesCommand(context: CliContext): Command {
  return listCommand('list', 'List the repositories that you may read.', [
    'artifortress repo list',
    'artifortress repo list --all --json',
  ]).action((options: ListOptions) => listRepositories(context, options));
}

/** Prints the repositories that the caller may read. */
export async function listRepositories(context: CliContext, options: ListOptions): Promise<void> {
  const client = await connect(context, options);
  await printList<Repository>(outputOf(context, options), {
    readPage: (page) => client.repositories.list({ ...page, signal: context.signal }),
    columns: [
      { title: 'REPOSITORY', text: (repository) => repository.repoKey },
      { title: 'TYPE', text: (repository) => repository.repoType },
      { title: 'OF', text: (repository) => repository.upstreamUrl ?? repository.memberRepos?.join(' ') ?? '' },
    ],
    empty: 'There is no repository that you may read. Create one with: artifortress repo create <repository>',
    options,
  });
}

function showCommand(context: CliContext): Command {
  return clientCommand('show', 'Show one repository.', ['artifortress repo show libs'])
    .argument('<repository>', 'its key')
    .action(async (repoKey: string, options: CommonOptions) => {
      const client = await connect(context, options);
      const repository = await client.repositories.get(repoKey, { signal: context.signal });
      outputOf(context, options).result(
        repository,
        pairs([
          ['Repository', repository.repoKey],
          ['Type', repository.repoType],
          ['Upstream', repository.upstreamUrl],
          ['Members', repository.memberRepos?.join(' ')],
          ['Created', repository.createdAtUtc],
        ]),
      );
    });
}

function deleteCommand(context: CliContext): Command {
  const summary = 'Delete a repository: hidden at once, its uploads aborted, its blobs dropped.';
  const command = clientCommand('delete', summary, [
    'artifortress repo delete libs --dry-run',
    'artifortress repo delete libs',
  ]).argument('<repository>', 'its key');
  return withDryRun(
    command,
    "It can't tell of a virtual repository that contains this one and that you may not read.",
  ).action(async (repoKey: string, { dryRun = false, ...options }: DryRunOptions) => {
    const client = await connect(context, options);
    const output = outputOf(context, options);
    if (dryRun) return await previewRepositoryDelete(context, client, repoKey, output);
    const deleted = await client.repositories.delete(repoKey, { signal: context.signal });
    output.note(`Deleted the repository ${deleted.repoKey}.`);
    output.result(deleted, []);
  });
}
