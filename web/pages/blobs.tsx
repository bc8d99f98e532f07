import { useEffect, useState } from 'preact/hooks';
import type { BlobRecord, Repository } from '../../src/client/index.ts';
import { Command } from '../components/copy.tsx';
import { TextField } from '../components/field.tsx';
import { EmptyState } from '../components/notices.tsx';
import { PagedTable } from '../components/table.tsx';
import { Digest, When } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { formatBytes } from '../format.ts';
import { linkTo, replacePlace } from '../router.ts';
import { DropZone } from '../uploads/drop-zone.tsx';
import { usePages } from '../use-pages.ts';
import { DeleteBlob } from './delete-blob.tsx';
import { DownloadButton } from './download-button.tsx';

/** After the last key stroke. */
const SEARCH_DELAY_MS = 250;
const PREFIX = /^[0-9a-f]{0,64}$/;

interface BlobsPageProps {
  readonly repository: Repository;
  readonly prefix: string;
  /** Changes when an upload of this tab has been committed. */
  readonly version: number;
}

export function BlobsPage({ repository, prefix, version }: BlobsPageProps) {
  const { repoKey, repoType } = repository;
  const { client, permissions } = useConsole().session;
  const [typed, setTyped] = useState(prefix);
  const [wanted, setWanted] = useState(prefix);
  const cleaned = typed
    .trim()
    .toLowerCase()
    .replace(/^sha256:/, '');
  const isDigest = PREFIX.test(cleaned);

  useEffect(() => {
    if (!isDigest) return undefined;
    const timer = setTimeout(() => {
      setWanted(cleaned);
      replacePlace(linkTo(['repos', repoKey, 'blobs'], { prefix: cleaned }));
    }, SEARCH_DELAY_MS);
    return () => clearTimeout(timer);
  }, [cleaned, isDigest, repoKey]);

  const pages = usePages(`${repoKey} ${wanted} ${version}`, (cursor, signal) =>
    client.blobs.list(repoKey, { cursor, signal, ...(wanted === '' ? {} : { prefix: wanted }) }),
  );
  const mayDelete = permissions.may('admin', repoKey);
  if (repoType !== 'local') {
    return (
      <EmptyState icon="repository" title={`A ${repoType} repository is a record, for now`}>
        <p>It takes no uploads and serves no blobs yet.</p>
      </EmptyState>
    );
  }
  return (
    <>
      {permissions.may('write', repoKey) && <DropZone repoKey={repoKey} />}
      <div class="filters" role="search">
        <TextField
          label="Find by digest"
          type="search"
          isMono
          isWide
          placeholder="First characters of a SHA-256"
          value={typed}
          onInput={setTyped}
          hint={isDigest ? undefined : 'A digest is made of the characters 0–9 and a–f.'}
        />
      </div>
      <PagedTable
        caption={`Blobs of ${repoKey}, newest first`}
        keyOf={({ digest }: BlobRecord) => digest}
        pages={pages}
        columns={[
          {
            name: 'Digest',
            isTitle: true,
            cell: ({ digest }) => <Digest digest={digest} href={linkTo(['repos', repoKey, 'blobs', digest])} />,
          },
          { name: 'Size', align: 'right', cell: ({ length }) => formatBytes(length) },
          { name: 'Committed', cell: ({ createdAtUtc }) => <When atUtc={createdAtUtc} /> },
          { name: 'By', cell: ({ createdBy }) => createdBy },
          {
            name: 'Actions',
            align: 'right',
            cell: (blob) => (
              <span class="row-actions">
                <DownloadButton repoKey={repoKey} blob={blob} isSmall />
                {mayDelete && <DeleteBlob repoKey={repoKey} digest={blob.digest} onDeleted={pages.reload} isSmall />}
              </span>
            ),
          },
        ]}
        empty={wanted === '' ? <NoBlobs repoKey={repoKey} /> : <NothingFound prefix={wanted} />}
      />
    </>
  );
}

function NoBlobs({ repoKey }: { readonly repoKey: string }) {
  const { permissions } = useConsole().session;
  return (
    <EmptyState icon="file" title="Nothing has been committed here yet">
      {permissions.may('write', repoKey) ? (
        <>
          <p>Drop a file above, or push one from a terminal. It shows up here once its digest has been proved.</p>
          <Command title="Command line" text={`artifortress push ./file --repo ${repoKey}`} />
        </>
      ) : (
        <p>Your token reads here but does not write: what others commit shows up here.</p>
      )}
    </EmptyState>
  );
}

function NothingFound({ prefix }: { readonly prefix: string }) {
  return (
    <EmptyState
      icon="search"
      title={`No digest here starts with ${prefix.slice(0, 16)}${prefix.length > 16 ? '…' : ''}`}
    >
      <p>
        The digest of a file is what <code>sha256sum file</code> prints. The blob may be in another repository, or may
        have been deleted from this one.
      </p>
    </EmptyState>
  );
}
