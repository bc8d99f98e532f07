import { useState } from 'preact/hooks';
import { UPLOAD_STATES, type UploadState, type UploadSummary } from '../../src/client/index.ts';
import { IconButton } from '../components/button.tsx';
import { ConfirmDialog } from '../components/dialog.tsx';
import { SelectField } from '../components/field.tsx';
import { EmptyState } from '../components/notices.tsx';
import { PagedTable } from '../components/table.tsx';
import { Badge, Digest, When } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { formatBytes } from '../format.ts';
import { linkTo } from '../router.ts';
import { announce } from '../toasts.tsx';
import { useAction } from '../use-action.ts';
import { usePages } from '../use-pages.ts';
import { usePolling } from '../use-polling.ts';

const POLL_MS = 3_000;
const PAGE_SIZE = 50;

const STATES: Readonly<Record<UploadState, { words: string; tone: 'good' | 'bad' | 'busy' | 'idle' }>> = {
  initiated: { words: 'waiting for parts', tone: 'idle' },
  parts_uploading: { words: 'taking parts', tone: 'busy' },
  pending_commit: { words: 'being proved', tone: 'busy' },
  committed: { words: 'committed', tone: 'good' },
  aborted: { words: 'aborted', tone: 'bad' },
};

/** Why a session was aborted, in words; a caller's own reason stands as it is. */
const REASONS: Readonly<Record<string, string>> = {
  client_abort: 'given up by its client',
  expired: 'its time was over',
  digest_mismatch: 'the bytes were not those of the declared digest',
  length_mismatch: 'the bytes were more or fewer than declared',
  repository_deleted: 'the repository was deleted',
};

const FILTERS = [
  ['', 'All states'] as const,
  ...UPLOAD_STATES.map((state) => [state, STATES[state].words] as const),
] as const;

/** The upload sessions of a repository, as they go on. */
export function SessionsPage({ repoKey }: { readonly repoKey: string }) {
  const { client } = useConsole().session;
  const [state, setState] = useState<UploadState | ''>('');
  const pages = usePages(`${repoKey} ${state}`, (cursor, signal) =>
    client.uploads.list(repoKey, { cursor, signal, limit: PAGE_SIZE, ...(state === '' ? {} : { state }) }),
  );
  const { items, isLoading, reload } = pages;
  // Further pages would be lost: who reads on is not disturbed.
  usePolling(() => {
    if (!isLoading && items !== null && items.length <= PAGE_SIZE) reload();
  }, POLL_MS);

  return (
    <>
      <div class="filters">
        <SelectField label="State" value={state} options={FILTERS} onChange={setState} />
        <p class="live">
          <span class="live-dot" aria-hidden="true" /> Live
        </p>
      </div>
      <PagedTable
        caption={`Upload sessions of ${repoKey}, newest first`}
        keyOf={({ uploadId }: UploadSummary) => uploadId}
        pages={pages}
        columns={[
          {
            name: 'Digest',
            isTitle: true,
            cell: ({ expectedDigest, state: now }) => (
              <Digest
                digest={expectedDigest}
                {...(now === 'committed' ? { href: linkTo(['repos', repoKey, 'blobs', expectedDigest]) } : {})}
              />
            ),
          },
          { name: 'State', cell: (session) => <State session={session} /> },
          { name: 'Size', align: 'right', cell: ({ expectedLength }) => formatBytes(expectedLength) },
          { name: 'Started', cell: ({ createdAtUtc }) => createdAtUtc !== null && <When atUtc={createdAtUtc} /> },
          { name: 'By', cell: ({ createdBy }) => createdBy },
          {
            name: 'Actions',
            align: 'right',
            cell: (session) => isLive(session) && <AbortSession session={session} onAborted={reload} />,
          },
        ]}
        empty={
          <EmptyState icon="upload" title={state === '' ? 'No upload yet' : 'No upload in this state'}>
            <p>
              Every upload is a session: it declares a digest and a length, takes the bytes in parts, and is committed
              once both are proved. What is given up, or takes longer than its time, is aborted and cleared away.
            </p>
          </EmptyState>
        }
      />
    </>
  );
}

function isLive({ state }: UploadSummary): boolean {
  return state !== 'committed' && state !== 'aborted';
}

function State({ session }: { readonly session: UploadSummary }) {
  const { state, reason, deduped, expiresAtUtc } = session;
  return (
    <span class="state">
      <Badge tone={STATES[state].tone}>{STATES[state].words}</Badge>
      {reason !== null && <span class="hint">{REASONS[reason] ?? reason}</span>}
      {deduped && <span class="hint">no byte was sent: it was there</span>}
      {isLive(session) && expiresAtUtc !== null && (
        <span class="hint">
          ends <When atUtc={expiresAtUtc} />
        </span>
      )}
    </span>
  );
}

function AbortSession({ session, onAborted }: { readonly session: UploadSummary; readonly onAborted: () => void }) {
  const { client } = useConsole().session;
  const { repoKey, uploadId } = session;
  const [isAsking, setAsking] = useState(false);
  const abortion = useAction();
  return (
    <>
      <IconButton icon="close" isDanger label={`Abort the upload ${uploadId}`} onClick={() => setAsking(true)} />
      {isAsking && (
        <ConfirmDialog
          title="Abort this upload?"
          action="Abort it"
          isBusy={abortion.isRunning}
          error={abortion.error}
          onClose={() => setAsking(false)}
          onConfirm={() =>
            abortion.run(async () => {
              await client.uploads.abort(repoKey, uploadId);
              setAsking(false);
              announce('The upload is aborted.');
              onAborted();
            })
          }
        >
          <p>The parts that have been sent are removed, and whoever sends it is told that it has ended.</p>
        </ConfirmDialog>
      )}
    </>
  );
}
