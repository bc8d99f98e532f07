import type { Artifortress } from '../client/artifortress.ts';
import { ArtifortressError } from '../client/errors.ts';
import { type Binding, ROLES, type Role } from '../client/types.ts';
import type { CliContext } from './context.ts';
import { LARGEST_PAGE, type Output } from './output.ts';

interface BindingReference {
  readonly repoKey: string;
  readonly subject: string;
}

/** `artifortress binding set --dry-run`: from which roles to which. Nothing is changed. */
export async function previewBindingSet(
  { signal }: CliContext,
  client: Artifortress,
  { repoKey, subject }: BindingReference,
  wanted: readonly Role[],
  output: Output,
): Promise<void> {
  const rolesBefore = (await findBinding(client, { repoKey, subject }, signal))?.roles ?? [];
  const roles = ROLES.filter((role) => wanted.includes(role));
  const isSame = rolesBefore.join() === roles.join();
  output.result({ dryRun: true, repoKey, subject, roles, rolesBefore }, [
    isSame
      ? `${subject} has ${roles.join(', ')} in ${repoKey} already.`
      : `${subject} would have ${roles.join(', ')} in ${repoKey}, in place of ${rolesBefore.join(', ') || 'no role'}.`,
  ]);
}

/**
 * `artifortress binding delete --dry-run`: which roles would be lost. Nothing is changed.
 * @throws ArtifortressError `not_found` where nothing is bound to the subject.
 */
export async function previewBindingDelete(
  { signal }: CliContext,
  client: Artifortress,
  { repoKey, subject }: BindingReference,
  output: Output,
): Promise<void> {
  const binding = await findBinding(client, { repoKey, subject }, signal);
  if (binding === undefined) {
    const message = `Nothing is bound to "${subject}" in "${repoKey}".`;
    throw new ArtifortressError({ code: 'not_found', message, status: 404 });
  }
  const rolesBefore = binding.roles;
  output.result({ dryRun: true, repoKey, subject, rolesBefore }, [
    `${subject} would lose ${rolesBefore.join(', ')} in ${repoKey}.`,
  ]);
}

/** To read the bindings takes the right that changing them does. */
async function findBinding(
  client: Artifortress,
  { repoKey, subject }: BindingReference,
  signal: AbortSignal,
): Promise<Binding | undefined> {
  // As the server writes subjects.
  const wanted = subject.trim().toLowerCase();
  for await (const binding of client.bindings.all(repoKey, { limit: LARGEST_PAGE, signal })) {
    if (binding.subject === wanted) return binding;
  }
  return undefined;
}
