import { useState } from 'preact/hooks';
import { type IssuedToken, ROLES, type Role } from '../../src/client/index.ts';
import { Button, IconButton } from '../components/button.tsx';
import { Command, CopyButton } from '../components/copy.tsx';
import { Dialog } from '../components/dialog.tsx';
import { SelectField, TextField } from '../components/field.tsx';
import { ErrorNotice, Notice } from '../components/notices.tsx';
import { When } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { SERVER_URL } from '../session.ts';
import { useAction } from '../use-action.ts';

const MINUTE_MS = 60_000;
/** The server takes no shorter life than this. */
const LEAST_MINUTES = 5;
const LIVES = [
  ['60', '1 hour'],
  ['480', '8 hours'],
  ['1440', '24 hours'],
] as const;
type Life = (typeof LIVES)[number][0];

interface ScopeDraft {
  readonly repoKey: string;
  readonly role: Role;
}

interface IssueTokenProps {
  readonly onIssued: () => void;
  readonly onClose: () => void;
}

/** Issues a token: for anybody by an administrator, else for oneself, with no more than one has. */
export function IssueTokenDialog({ onIssued, onClose }: IssueTokenProps) {
  const { client, identity, permissions } = useConsole().session;
  const isAdministrator = permissions.may('admin', '*');
  const [subject, setSubject] = useState(isAdministrator ? '' : identity.subject);
  const [life, setLife] = useState<Life>('60');
  const [scopes, setScopes] = useState<readonly ScopeDraft[]>([{ repoKey: '', role: 'read' }]);
  const [issued, setIssued] = useState<IssuedToken | null>(null);
  const issuing = useAction();

  const submit = (): void =>
    issuing.run(async () => {
      const leftMinutes = Math.floor((Date.parse(identity.expiresAtUtc) - Date.now()) / MINUTE_MS);
      // A token narrowed from another one can't outlive it.
      const ttlMinutes = isAdministrator ? Number(life) : Math.max(LEAST_MINUTES, Math.min(Number(life), leftMinutes));
      const wanted = scopes.filter(({ repoKey }) => repoKey.trim() !== '');
      setIssued(
        await client.tokens.issue({
          subject,
          ttlMinutes,
          scopes: wanted.map(({ repoKey, role }) => `repo:${repoKey.trim()}:${role}`),
        }),
      );
      onIssued();
    });

  if (issued !== null) return <IssuedDialog issued={issued} onClose={onClose} />;
  return (
    <Dialog title="Issue a token" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!issuing.isRunning) submit();
        }}
      >
        {isAdministrator ? (
          <TextField
            label="Subject"
            hint="Who it is for: a person, a CI job, a machine. The audit trail names it."
            value={subject}
            onInput={setSubject}
            isRequired
          />
        ) : (
          <p class="hint">For yourself, with no more than your own token allows, and no longer.</p>
        )}
        <SelectField label="Good for" value={life} options={LIVES} onChange={setLife} />
        <ScopeFields scopes={scopes} onChange={setScopes} />
        {issuing.error !== null && <ErrorNotice error={issuing.error} />}
        <div class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" isBusy={issuing.isRunning}>
            Issue
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

interface ScopeFieldsProps {
  readonly scopes: readonly ScopeDraft[];
  readonly onChange: (scopes: readonly ScopeDraft[]) => void;
}

function ScopeFields({ scopes, onChange }: ScopeFieldsProps) {
  const replace = (index: number, change: Partial<ScopeDraft>): void =>
    onChange(scopes.map((scope, at) => (at === index ? { ...scope, ...change } : scope)));
  return (
    <fieldset class="scopes">
      <legend>Scopes</legend>
      <p class="hint">
        A repository's key, or * for all. With none, the token follows the bindings of its subject at each request.
      </p>
      {scopes.map(({ repoKey, role }, index) => (
        <div key={index} class="scope-line">
          <TextField
            label={`Repository ${index + 1}`}
            value={repoKey}
            isMono
            placeholder="demo, or *"
            onInput={(value) => replace(index, { repoKey: value })}
          />
          <SelectField
            label={`Role ${index + 1}`}
            value={role}
            options={ROLES.map((one) => [one, one] as const)}
            onChange={(value) => replace(index, { role: value })}
          />
          <IconButton
            icon="close"
            label={`Remove scope ${index + 1}`}
            onClick={() => onChange(scopes.filter((_, at) => at !== index))}
          />
        </div>
      ))}
      <Button kind="quiet" icon="plus" onClick={() => onChange([...scopes, { repoKey: '', role: 'read' }])}>
        Add a scope
      </Button>
    </fieldset>
  );
}

/** The secret, this once. It is in this page's memory alone, and gone with the dialog. */
function IssuedDialog({ issued, onClose }: { readonly issued: IssuedToken; readonly onClose: () => void }) {
  return (
    <Dialog title={`The token of ${issued.subject}`} onClose={onClose}>
      <Notice kind="warning" icon="warning">
        <p class="notice-title">Copy it now: it is shown this once.</p>
        <p>The server keeps nothing but its hash.</p>
      </Notice>
      <p class="secret">
        <code class="wrapped">{issued.token}</code>
        <CopyButton text={issued.token} label="Copy the token" />
      </p>
      <p class="hint">
        It ends <When atUtc={issued.expiresAtUtc} />.
      </p>
      <Command title="Sign in on the command line" text={`artifortress login --url ${SERVER_URL}`} />
      <div class="dialog-actions">
        <Button kind="primary" onClick={onClose}>
          I have copied it
        </Button>
      </div>
    </Dialog>
  );
}
