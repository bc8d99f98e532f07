import { useState } from 'preact/hooks';
import type { Repository } from '../../src/client/index.ts';
import { Button } from '../components/button.tsx';
import { ConfirmDialog } from '../components/dialog.tsx';
import { ErrorNotice, Skeleton } from '../components/notices.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Badge } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { formatBytes, plural } from '../format.ts';
import { goTo, linkTo } from '../router.ts';
import { announce } from '../toasts.tsx';
import { useUploads } from '../uploads/use-uploads.ts';
import { useAction } from '../use-action.ts';
import { useLoaded } from '../use-loaded.ts';
import { BindingsPage } from './bindings.tsx';
import { BlobPage } from './blob.tsx';
import { BlobsPage } from './blobs.tsx';
import { NotFoundPage } from './not-found.tsx';
import { SessionsPage } from './sessions.tsx';

interface RepositoryPageProps {
  /** Behind `repos`: the key, and what of it. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export function RepositoryPage({ path, query }: RepositoryPageProps) {
  const [repoKey = '', part = 'blobs', digest] = path;
  const { client, permissions } = useConsole().session;
  const finished = useUploads().filter((item) => item.phase === 'done' && item.repoKey === repoKey).length;
  const { value, error, reload } = useLoaded(`${repoKey} ${part} ${finished}`, (signal) =>
    client.repositories.get(repoKey, { signal }),
  );
  if (part === 'blobs' && digest !== undefined) return <BlobPage repoKey={repoKey} digest={digest} />;

  const tabs = [
    { name: 'Blobs', segment: 'blobs', isFor: true },
    { name: 'Upload sessions', segment: 'uploads', isFor: permissions.may('write', repoKey) },
    { name: 'Access', segment: 'access', isFor: permissions.may('admin', repoKey) },
  ].filter(({ isFor }) => isFor);
  if (!tabs.some(({ segment }) => segment === part)) return <NotFoundPage />;

  return (
    <>
      <PageHead
        title={repoKey}
        crumbs={[{ name: 'Repositories', href: linkTo(['repos']) }]}
        intro={value !== null && <Summary repository={value} />}
        actions={value !== null && permissions.may('admin', repoKey) && <DeleteRepository repoKey={repoKey} />}
      />
      {error !== null && <ErrorNotice error={error} onRetry={reload} />}
      {error === null && (
        <>
          {tabs.length > 1 && (
            <nav class="tabs" aria-label={`Parts of ${repoKey}`}>
              {tabs.map(({ name, segment }) => (
                <a
                  key={segment}
                  href={linkTo(['repos', repoKey, segment])}
                  aria-current={segment === part ? 'page' : undefined}
                >
                  {name}
                </a>
              ))}
            </nav>
          )}
          {value === null && <Skeleton />}
          {value !== null && part === 'blobs' && (
            <BlobsPage repository={value} prefix={query.get('prefix') ?? ''} version={finished} />
          )}
          {value !== null && part === 'uploads' && <SessionsPage repoKey={repoKey} />}
          {value !== null && part === 'access' && <BindingsPage repoKey={repoKey} />}
        </>
      )}
    </>
  );
}

function Summary({ repository }: { readonly repository: Repository }) {
  const { repoType, blobCount, totalBytes, upstreamUrl, memberRepos } = repository;
  return (
    <p class="summary">
      <Badge tone="idle">{repoType}</Badge>
      {repoType === 'local' && blobCount !== null && <span>{plural(blobCount, 'blob')}</span>}
      {repoType === 'local' && totalBytes !== null && <span>{formatBytes(totalBytes)}</span>}
      {upstreamUrl !== null && <span>of {upstreamUrl}</span>}
      {repoType === 'virtual' && <span>of {memberRepos?.join(', ')}</span>}
    </p>
  );
}

function DeleteRepository({ repoKey }: { readonly repoKey: string }) {
  const { client } = useConsole().session;
  const [isAsking, setAsking] = useState(false);
  const deletion = useAction();
  return (
    <>
      <Button kind="quiet" icon="trash" onClick={() => setAsking(true)}>
        Delete
      </Button>
      {isAsking && (
        <ConfirmDialog
          title={`Delete ${repoKey}?`}
          action="Delete the repository"
          isBusy={deletion.isRunning}
          error={deletion.error}
          onClose={() => {
            deletion.reset();
            setAsking(false);
          }}
          onConfirm={() =>
            deletion.run(async () => {
              await client.repositories.delete(repoKey);
              announce(`The repository ${repoKey} is deleted.`);
              goTo(linkTo(['repos']));
            })
          }
        >
          <p>
            It is hidden at once, with everything in it; uploads to it end, and every token's scope on this key is void.
            A new repository of the same key starts empty. This can't be taken back.
          </p>
        </ConfirmDialog>
      )}
    </>
  );
}
