import { useState } from 'preact/hooks';
import type { Repository } from '../../src/client/index.ts';
import { Button } from '../components/button.tsx';
import { Command } from '../components/copy.tsx';
import { EmptyState } from '../components/notices.tsx';
import { PageHead } from '../components/page-head.tsx';
import { type Column, PagedTable } from '../components/table.tsx';
import { Badge, When } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { formatBytes, formatCount } from '../format.ts';
import { linkTo } from '../router.ts';
import { usePages } from '../use-pages.ts';
import { CreateRepositoryDialog } from './create-repository.tsx';

const COLUMNS: readonly Column<Repository>[] = [
  {
    name: 'Repository',
    isTitle: true,
    cell: ({ repoKey }) => (
      <a class="name-link" href={linkTo(['repos', repoKey])}>
        {repoKey}
      </a>
    ),
  },
  { name: 'Type', cell: ({ repoType }) => <Badge tone="idle">{repoType}</Badge> },
  {
    name: 'Blobs',
    align: 'right',
    cell: ({ blobCount }) => (blobCount === null ? '–' : formatCount(blobCount)),
  },
  { name: 'Size', align: 'right', cell: ({ totalBytes }) => (totalBytes === null ? '–' : formatBytes(totalBytes)) },
  { name: 'Created', cell: ({ createdAtUtc }) => (createdAtUtc === null ? '–' : <When atUtc={createdAtUtc} />) },
];

export function RepositoriesPage() {
  const { client, permissions } = useConsole().session;
  const [isCreating, setCreating] = useState(false);
  const pages = usePages('repositories', (cursor, signal) => client.repositories.list({ cursor, signal }));
  const mayCreate = permissions.may('admin', '*');
  return (
    <>
      <PageHead
        title="Repositories"
        intro="Where artifacts live. You see those that your token may read."
        actions={
          mayCreate && (
            <Button kind="primary" icon="plus" onClick={() => setCreating(true)}>
              New repository
            </Button>
          )
        }
      />
      <PagedTable
        caption="Repositories"
        columns={COLUMNS}
        keyOf={({ repoKey }) => repoKey}
        pages={pages}
        empty={
          <EmptyState icon="repository" title="No repository yet">
            <p>
              A repository holds blobs, each found by the SHA-256 of its bytes. Who may read and write there is said by
              tokens and by the repository's bindings.
            </p>
            {mayCreate ? (
              <Command title="Or on the command line" text="artifortress repo create demo" />
            ) : (
              <p>Your token reads none of those that there are: ask an administrator for access.</p>
            )}
          </EmptyState>
        }
      />
      {isCreating && <CreateRepositoryDialog onClose={() => setCreating(false)} />}
    </>
  );
}
