import { useState } from 'preact/hooks';
import { type Binding, ROLES, type Role } from '../../src/client/index.ts';
import { Button, IconButton } from '../components/button.tsx';
import { ConfirmDialog, Dialog } from '../components/dialog.tsx';
import { Choices, TextField } from '../components/field.tsx';
import { EmptyState, ErrorNotice } from '../components/notices.tsx';
import { PagedTable } from '../components/table.tsx';
import { Badge, When } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { announce } from '../toasts.tsx';
import { useAction } from '../use-action.ts';
import { usePages } from '../use-pages.ts';

const ROLE_WORDS: Readonly<Record<Role, string>> = {
  read: 'lists and downloads',
  write: 'also uploads',
  admin: 'does everything here, bindings and deletion included',
  promote: 'is for promotion between repositories, alone',
};
const ROLE_OPTIONS = ROLES.map((role) => [role, ROLE_WORDS[role]] as const);

/** Who may do what in a repository. */
export function BindingsPage({ repoKey }: { readonly repoKey: string }) {
  const { client } = useConsole().session;
  const [edited, setEdited] = useState<{ subject: string; roles: readonly Role[] } | null>(null);
  const pages = usePages(`bindings ${repoKey}`, (cursor, signal) => client.bindings.list(repoKey, { cursor, signal }));
  return (
    <>
      <div class="section-head">
        <p class="hint">
          A binding gives roles here to a subject, whose tokens without scopes of their own follow it at every request.
        </p>
        <Button icon="plus" onClick={() => setEdited({ subject: '', roles: ['read'] })}>
          Bind a subject
        </Button>
      </div>
      <PagedTable
        caption={`Bindings of ${repoKey}`}
        keyOf={({ subject }: Binding) => subject}
        pages={pages}
        columns={[
          { name: 'Subject', isTitle: true, cell: ({ subject }) => <strong>{subject}</strong> },
          {
            name: 'Roles',
            cell: ({ roles }) => (
              <span class="badges">
                {roles.map((role) => (
                  <Badge key={role} tone={role === 'admin' ? 'warn' : 'idle'}>
                    {role}
                  </Badge>
                ))}
              </span>
            ),
          },
          { name: 'Changed', cell: ({ updatedAtUtc }) => <When atUtc={updatedAtUtc} /> },
          {
            name: 'Actions',
            align: 'right',
            cell: ({ subject, roles }) => (
              <span class="row-actions">
                <Button
                  kind="quiet"
                  label={`Change the roles of ${subject}`}
                  onClick={() => setEdited({ subject, roles: ROLES.filter((role) => roles.includes(role)) })}
                >
                  Change
                </Button>
                <DeleteBinding repoKey={repoKey} subject={subject} onDeleted={pages.reload} />
              </span>
            ),
          },
        ]}
        empty={
          <EmptyState icon="people" title="Nobody is bound to this repository">
            <p>
              Bind a person or a CI job to the roles that they need here. A token issued to that subject with no scopes
              has exactly these roles, and loses them when the binding goes.
            </p>
          </EmptyState>
        }
      />
      {edited !== null && (
        <BindingDialog repoKey={repoKey} binding={edited} onSaved={pages.reload} onClose={() => setEdited(null)} />
      )}
    </>
  );
}

interface BindingDialogProps {
  readonly repoKey: string;
  readonly binding: { readonly subject: string; readonly roles: readonly Role[] };
  readonly onSaved: () => void;
  readonly onClose: () => void;
}

function BindingDialog({ repoKey, binding, onSaved, onClose }: BindingDialogProps) {
  const { client } = useConsole().session;
  const [subject, setSubject] = useState(binding.subject);
  const [roles, setRoles] = useState(binding.roles);
  const saving = useAction();
  const isNew = binding.subject === '';
  const submit = (): void =>
    saving.run(async () => {
      const saved = await client.bindings.put(repoKey, subject, roles);
      announce(`${saved.subject} now has ${saved.roles.join(', ')} on ${repoKey}.`);
      onSaved();
      onClose();
    });
  return (
    <Dialog title={isNew ? 'Bind a subject' : `Roles of ${binding.subject}`} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!saving.isRunning) submit();
        }}
      >
        {isNew && (
          <TextField
            label="Subject"
            hint="The name that tokens are issued to."
            value={subject}
            onInput={setSubject}
            isRequired
          />
        )}
        <Choices legend="Roles" options={ROLE_OPTIONS} chosen={roles} onChange={setRoles} />
        {saving.error !== null && <ErrorNotice error={saving.error} />}
        <div class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" isBusy={saving.isRunning} isDisabled={roles.length === 0}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface DeleteBindingProps {
  readonly repoKey: string;
  readonly subject: string;
  readonly onDeleted: () => void;
}

function DeleteBinding({ repoKey, subject, onDeleted }: DeleteBindingProps) {
  const { client } = useConsole().session;
  const [isAsking, setAsking] = useState(false);
  const deletion = useAction();
  return (
    <>
      <IconButton icon="trash" isDanger label={`Remove ${subject}`} onClick={() => setAsking(true)} />
      {isAsking && (
        <ConfirmDialog
          title={`Take all roles from ${subject}?`}
          action="Remove the binding"
          isBusy={deletion.isRunning}
          error={deletion.error}
          onClose={() => setAsking(false)}
          onConfirm={() =>
            deletion.run(async () => {
              await client.bindings.delete(repoKey, subject);
              setAsking(false);
              announce(`${subject} has no roles on ${repoKey} any more.`);
              onDeleted();
            })
          }
        >
          <p>It bites with the very next request. Tokens with scopes of their own keep them: revoke those apart.</p>
        </ConfirmDialog>
      )}
    </>
  );
}
