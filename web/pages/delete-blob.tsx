import { useState } from 'preact/hooks';
import { Button, IconButton } from '../components/button.tsx';
import { ConfirmDialog } from '../components/dialog.tsx';
import { useConsole } from '../context.ts';
import { shortDigest } from '../format.ts';
import { announce } from '../toasts.tsx';
import { useAction } from '../use-action.ts';

interface DeleteBlobProps {
  readonly repoKey: string;
  readonly digest: string;
  readonly onDeleted: () => void;
  readonly isSmall?: boolean;
}

export function DeleteBlob({ repoKey, digest, onDeleted, isSmall = false }: DeleteBlobProps) {
  const { client } = useConsole().session;
  const [isAsking, setAsking] = useState(false);
  const deletion = useAction();
  const label = `Delete ${shortDigest(digest)}`;
  const ask = (): void => {
    deletion.reset();
    setAsking(true);
  };
  return (
    <>
      {isSmall ? (
        <IconButton icon="trash" label={label} isDanger onClick={ask} />
      ) : (
        <Button kind="quiet" icon="trash" onClick={ask}>
          Delete
        </Button>
      )}
      {isAsking && (
        <ConfirmDialog
          title="Delete this blob?"
          action="Delete"
          isBusy={deletion.isRunning}
          error={deletion.error}
          onClose={() => setAsking(false)}
          onConfirm={() =>
            deletion.run(async () => {
              await client.blobs.delete(repoKey, digest);
              setAsking(false);
              announce(`${shortDigest(digest)} is deleted from ${repoKey}.`);
              onDeleted();
            })
          }
        >
          <p>
            <code class="wrapped">{digest}</code>
          </p>
          <p>
            It goes from <strong>{repoKey}</strong> at once. Other repositories that hold it keep it; with the last of
            them the bytes go too, after a delay.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
