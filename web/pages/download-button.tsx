import { useEffect, useRef, useState } from 'preact/hooks';
import type { BlobRecord } from '../../src/client/index.ts';
import { Button, IconButton } from '../components/button.tsx';
import { Dialog } from '../components/dialog.tsx';
import { ErrorNotice } from '../components/notices.tsx';
import { useConsole } from '../context.ts';
import { download } from '../download.ts';
import { formatBytes, shortDigest } from '../format.ts';
import { announce } from '../toasts.tsx';
import { useRate } from '../uploads/rate.ts';
import { useAction } from '../use-action.ts';

interface DownloadButtonProps {
  readonly repoKey: string;
  readonly blob: Pick<BlobRecord, 'digest' | 'length'>;
  readonly isSmall?: boolean;
}

export function DownloadButton({ repoKey, blob, isSmall = false }: DownloadButtonProps) {
  const { client } = useConsole().session;
  const { digest, length } = blob;
  const [doneBytes, setDoneBytes] = useState(0);
  const running = useRef<AbortController | null>(null);
  const action = useAction();
  const label = `Download ${shortDigest(digest)}`;
  // Nobody waits for it any more.
  useEffect(() => () => running.current?.abort(), []);

  const start = (): void => {
    const controller = new AbortController();
    running.current = controller;
    setDoneBytes(0);
    action.run(async () => {
      await download({ client, repoKey, digest, onProgress: setDoneBytes, signal: controller.signal });
      announce(`${shortDigest(digest)} is downloaded, and is what its digest says.`);
    });
  };
  return (
    <>
      {isSmall ? (
        <IconButton icon="download" label={label} onClick={start} />
      ) : (
        <Button kind="primary" icon="download" onClick={start}>
          Download
        </Button>
      )}
      {(action.isRunning || action.error !== null) && (
        <DownloadDialog
          digest={digest}
          length={length}
          doneBytes={doneBytes}
          error={action.error}
          onClose={() => {
            running.current?.abort();
            action.reset();
          }}
        />
      )}
    </>
  );
}

interface DownloadDialogProps {
  readonly digest: string;
  readonly length: number;
  readonly doneBytes: number;
  readonly error: Error | null;
  readonly onClose: () => void;
}

function DownloadDialog({ digest, length, doneBytes, error, onClose }: DownloadDialogProps) {
  const rate = useRate(doneBytes, error === null);
  return (
    <Dialog title={error === null ? 'Downloading' : 'The download failed'} onClose={onClose}>
      <p>
        <code class="wrapped">{digest}</code>
      </p>
      {error === null ? (
        <>
          <progress max={Math.max(1, length)} value={doneBytes} aria-label="Download" />
          <p class="hint">
            {formatBytes(doneBytes)} of {formatBytes(length)}
            {rate !== null && ` · ${formatBytes(rate)}/s`}. It is verified on its way; keep this page open.
          </p>
        </>
      ) : (
        <ErrorNotice error={error} />
      )}
      <div class="dialog-actions">
        <Button onClick={onClose}>{error === null ? 'Cancel' : 'Close'}</Button>
      </div>
    </Dialog>
  );
}
