import { type Command, InvalidArgumentError } from 'commander';
import { type Binding, ROLES, type Role } from '../../client/types.ts';
import { previewBindingDelete, previewBindingSet } from '../binding-preview.ts';
import { clientCommand, group, type ListOptions, listCommand, outputOf } from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { type DryRunOptions, withDryRun } from '../dry-run.ts';
import { printList } from '../output.ts';

interface SetOptions extends DryRunOptions {
  readonly role: readonly Role[];
}

/** `artifortress binding …`. */
export function bindingCommand(context: CliContext): Command {
  return group('binding', 'Say which subject has which roles in a repository.', [
    setCommand(context),
    listBindingsCommand(context),
    deleteCommand(context),
  ]);
}

function addRole(value: string, earlier: readonly Role[] | undefined): readonly Role[] {
  const role = ROLES.find((candidate) => candidate === value);
  if (role === undefined) throw new InvalidArgumentError(`Give one of ${ROLES.join(', ')}.`);
  return [...(earlier ?? []), role];
}

const UNTOLD_OF_SUBJECTS = "It can't tell that the server would call the subject malformed.";

function setCommand(context: CliContext): Command {
  const command = clientCommand('set', "Set a subject's roles in a repository, in place of those it had.", [
    'artifortress binding set libs alice --role write',
    'artifortress binding set libs release-bot --role read --role promote',
    'artifortress binding set libs alice --role read --dry-run',
  ])
    .argument('<repository>', 'its key')
    .argument('<subject>', 'who')
    .requiredOption('--role <role>', `${ROLES.join(', ')}; may be repeated`, addRole);
  return withDryRun(command, UNTOLD_OF_SUBJECTS).action(
    async (repoKey: string, subject: string, { role, dryRun = false, ...options }: SetOptions) => {
      const client = await connect(context, options);
      const output = outputOf(context, options);
      if (dryRun) return await previewBindingSet(context, client, { repoKey, subject }, role, output);
      const binding = await client.bindings.put(repoKey, subject, role, { signal: context.signal });
      output.note(`${binding.subject} has ${binding.roles.join(', ')} in ${binding.repoKey}.`);
      output.result(binding, []);
    },
  );
}

function listBindingsCommand(context: CliContext): Command {
  return listCommand('list', 'List the bindings of a repository.', ['artifortress binding list libs'])
    .argument('<repository>', 'its key')
    .action(async (repoKey: string, options: ListOptions) => {
      const client = await connect(context, options);
      await printList<Binding>(outputOf(context, options), {
        readPage: (page) => client.bindings.list(repoKey, { ...page, signal: context.signal }),
        columns: [
          { title: 'SUBJECT', text: (binding) => binding.subject },
          { title: 'ROLES', text: (binding) => binding.roles.join(' ') },
          { title: 'UPDATED', text: (binding) => binding.updatedAtUtc },
        ],
        empty: `Nobody has a role in ${repoKey}. Give one with: artifortress binding set ${repoKey} <subject> --role read`,
        options,
      });
    });
}

function deleteCommand(context: CliContext): Command {
  const command = clientCommand('delete', "Take away a subject's roles in a repository.", [
    'artifortress binding delete libs alice --dry-run',
    'artifortress binding delete libs alice',
  ])
    .argument('<repository>', 'its key')
    .argument('<subject>', 'who');
  return withDryRun(command, UNTOLD_OF_SUBJECTS).action(
    async (repoKey: string, subject: string, { dryRun = false, ...options }: DryRunOptions) => {
      const client = await connect(context, options);
      const output = outputOf(context, options);
      if (dryRun) return await previewBindingDelete(context, client, { repoKey, subject }, output);
      await client.bindings.delete(repoKey, subject, { signal: context.signal });
      output.note(`${subject} has no role in ${repoKey} any more.`);
      output.result({ repoKey, subject, status: 'deleted' }, []);
    },
  );
}
