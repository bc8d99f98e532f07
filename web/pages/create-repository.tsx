import { useState } from 'preact/hooks';
import { REPOSITORY_TYPES, type RepositoryType } from '../../src/client/index.ts';
import { Button } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { SelectField, TextField } from '../components/field.tsx';
import { ErrorNotice } from '../components/notices.tsx';
import { useConsole } from '../context.ts';
import { goTo, linkTo } from '../router.ts';
import { announce } from '../toasts.tsx';
import { useAction } from '../use-action.ts';

const DESCRIPTIONS: Readonly<Record<RepositoryType, string>> = {
  local: 'local: takes uploads and serves blobs',
  remote: 'remote: a record of an upstream, for now',
  virtual: 'virtual: a record of several repositories, for now',
};

export function CreateRepositoryDialog({ onClose }: { readonly onClose: () => void }) {
  const { client } = useConsole().session;
  const [repoKey, setRepoKey] = useState('');
  const [repoType, setRepoType] = useState<RepositoryType>('local');
  const [upstreamUrl, setUpstreamUrl] = useState('');
  const [members, setMembers] = useState('');
  const creation = useAction();

  const create = (): void =>
    creation.run(async () => {
      const created = await client.repositories.create({
        repoKey,
        repoType,
        ...(repoType === 'remote' ? { upstreamUrl } : {}),
        ...(repoType === 'virtual' ? { memberRepos: members.split(/[\s,]+/).filter((member) => member !== '') } : {}),
      });
      announce(`The repository ${created.repoKey} is there.`);
      onClose();
      goTo(linkTo(['repos', created.repoKey]));
    });

  return (
    <Dialog title="New repository" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!creation.isRunning) create();
        }}
      >
        <TextField
          label="Key"
          hint="1 to 64 of a–z 0–9 . _ -, starting with a letter or a digit. It never changes."
          value={repoKey}
          onInput={setRepoKey}
          isRequired
          isMono
        />
        <SelectField
          label="Type"
          value={repoType}
          options={REPOSITORY_TYPES.map((type) => [type, DESCRIPTIONS[type]] as const)}
          onChange={setRepoType}
        />
        {repoType === 'remote' && (
          <TextField
            label="Upstream"
            hint="An http(s) address."
            value={upstreamUrl}
            onInput={setUpstreamUrl}
            isRequired
          />
        )}
        {repoType === 'virtual' && (
          <TextField label="Members" hint="Keys, divided by commas." value={members} onInput={setMembers} isRequired />
        )}
        {creation.error !== null && <ErrorNotice error={creation.error} />}
        <div class="dialog-actions">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" isBusy={creation.isRunning}>
            Create
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
