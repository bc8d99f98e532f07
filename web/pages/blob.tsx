import { useState } from 'preact/hooks';
import type { Envelope } from '../../src/client/index.ts';
import { Button } from '../components/button.tsx';
import { Command, CopyButton } from '../components/copy.tsx';
import { Icon } from '../components/icons.tsx';
import { EmptyState, ErrorNotice, Skeleton } from '../components/notices.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Facts, When } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { save } from '../download.ts';
import { formatBytes, formatCount, formatMoment, shortDigest } from '../format.ts';
import { proofOf, readStatement } from '../receipt.ts';
import { goTo, linkTo } from '../router.ts';
import { SERVER_URL } from '../session.ts';
import { useAction } from '../use-action.ts';
import { useLoaded } from '../use-loaded.ts';
import { DeleteBlob } from './delete-blob.tsx';
import { DownloadButton } from './download-button.tsx';

interface BlobPageProps {
  readonly repoKey: string;
  readonly digest: string;
}

/** One blob of a repository: what is known of it, and how to get it. */
export function BlobPage({ repoKey, digest }: BlobPageProps) {
  const { client, permissions } = useConsole().session;
  const { value, error, reload } = useLoaded(`${repoKey} ${digest}`, async (signal) => {
    const { items } = await client.blobs.list(repoKey, { prefix: digest, limit: 1, signal });
    return { blob: items[0] ?? null };
  });
  const blob = value?.blob ?? null;
  const short = shortDigest(digest);
  return (
    <>
      <PageHead
        title={`Blob ${short}`}
        crumbs={[
          { name: 'Repositories', href: linkTo(['repos']) },
          { name: repoKey, href: linkTo(['repos', repoKey]) },
        ]}
        actions={
          blob !== null && (
            <>
              {permissions.may('admin', repoKey) && (
                <DeleteBlob repoKey={repoKey} digest={digest} onDeleted={() => goTo(linkTo(['repos', repoKey]))} />
              )}
              <DownloadButton repoKey={repoKey} blob={blob} />
            </>
          )
        }
      />
      {error !== null && <ErrorNotice error={error} onRetry={reload} />}
      {value === null && error === null && <Skeleton />}
      {value !== null && blob === null && (
        <EmptyState icon="search" title={`${repoKey} holds no blob of this digest`}>
          <p>It may have been deleted, or be in another repository.</p>
        </EmptyState>
      )}
      {blob !== null && (
        <>
          <Facts
            facts={[
              {
                name: 'SHA-256',
                value: (
                  <span class="digest-line">
                    <code class="wrapped">{digest}</code>
                    <CopyButton text={digest} label="Copy the digest" />
                  </span>
                ),
              },
              { name: 'Size', value: `${formatBytes(blob.length)} (${formatCount(blob.length)} bytes)` },
              {
                name: 'Committed',
                value: (
                  <>
                    <When atUtc={blob.createdAtUtc} /> · {formatMoment(blob.createdAtUtc)}
                  </>
                ),
              },
              { name: 'By', value: blob.createdBy },
            ]}
          />
          <Receipt repoKey={repoKey} digest={digest} />
          <Commands repoKey={repoKey} digest={digest} />
        </>
      )}
    </>
  );
}

/** How it came here, as the server signs it. */
function Receipt({ repoKey, digest }: BlobPageProps) {
  const { client } = useConsole().session;
  const [receipt, setReceipt] = useState<Envelope | null>(null);
  const loading = useAction();
  const load = (): void =>
    loading.run(async () => {
      setReceipt(await client.blobs.receipt(repoKey, digest));
    });
  const statement = receipt === null ? null : readStatement(receipt);
  return (
    <section class="panel">
      <div class="panel-head">
        <h2>
          <Icon name="receipt" />
          Custody receipt
        </h2>
        {receipt === null ? (
          <Button onClick={load} isBusy={loading.isRunning}>
            Show the receipt
          </Button>
        ) : (
          <Button
            icon="download"
            onClick={() =>
              save(new Blob([JSON.stringify(receipt)], { type: 'application/json' }), `${digest}.receipt.json`)
            }
          >
            Save it
          </Button>
        )}
      </div>
      <p class="hint">
        A signed statement of what came into this repository, when, by whom, and how its digest was proved. Anybody can
        check it offline with the server's public key.
      </p>
      {loading.error !== null && <ErrorNotice error={loading.error} onRetry={load} />}
      {statement !== null && receipt !== null && (
        <>
          <Facts
            facts={[
              { name: 'Proved', value: proofOf(statement.proof) },
              { name: 'Committed by', value: statement.committedBy },
              { name: 'Upload', value: <code class="wrapped">{statement.uploadId ?? 'not recorded'}</code> },
              { name: 'Installation', value: <code class="wrapped">{statement.installation}</code> },
              { name: 'Signing key', value: <code class="wrapped">{receipt.signatures[0]?.keyid ?? ''}</code> },
            ]}
          />
          <Command
            title="Check it against a file"
            text={`artifortress verify ./file --receipt ${shortDigest(digest)}.receipt.json`}
          />
        </>
      )}
    </section>
  );
}

function Commands({ repoKey, digest }: BlobPageProps) {
  const address = `${SERVER_URL}/v1/repos/${repoKey}/blobs/${digest}`;
  return (
    <section class="panel">
      <div class="panel-head">
        <h2>
          <Icon name="download" />
          From a terminal
        </h2>
      </div>
      <p class="hint">
        Both read your token from <code>ARTIFORTRESS_TOKEN</code>; the command line verifies the digest as well.
      </p>
      <Command title="Command line" text={`artifortress pull ${repoKey}/${digest} -o ./file`} />
      <Command
        title="curl"
        text={`curl --fail -L -H "Authorization: Bearer $ARTIFORTRESS_TOKEN" -o ./file ${address}`}
      />
    </section>
  );
}
