import { useMemo, useState } from 'preact/hooks';
import type { AuditFilters, AuditRow } from '../../src/client/index.ts';
import { createProver } from '../audit-proof.ts';
import { Button } from '../components/button.tsx';
import { TextField } from '../components/field.tsx';
import { EmptyState, ErrorNotice } from '../components/notices.tsx';
import { PageHead } from '../components/page-head.tsx';
import { PagedTable } from '../components/table.tsx';
import { When } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { save } from '../download.ts';
import { shortId } from '../format.ts';
import { linkTo, replacePlace } from '../router.ts';
import { announce } from '../toasts.tsx';
import { useAction } from '../use-action.ts';
import { usePages } from '../use-pages.ts';
import { ProofBadge } from './proof-badge.tsx';

const PAGE_SIZE = 50;

/** What filters offer; the server knows more, and takes any. */
const ACTIONS = [
  'auth.pat.issued',
  'auth.pat.revoked',
  'authz.denied',
  'blob.condemned',
  'blob.object.deleted',
  'blob.reference.deleted',
  'repo.binding.deleted',
  'repo.binding.upserted',
  'repo.created',
  'repo.deleted',
  'upload.aborted',
  'upload.commit.verification_failed',
  'upload.committed',
  'upload.completed',
  'upload.expired',
  'upload.part.presigned',
  'upload.session.created',
];

const FIELDS = ['action', 'actor', 'repoKey', 'resourceId', 'since', 'until'] as const;
type Filters = Record<(typeof FIELDS)[number], string>;

export function AuditPage({ query }: { readonly query: URLSearchParams }) {
  const { client } = useConsole().session;
  const [draft, setDraft] = useState<Filters>(() => readFilters(query));
  const [filters, setFilters] = useState(draft);
  const prove = useMemo(() => createProver(client), [client]);
  const pages = usePages(JSON.stringify(filters), (cursor, signal) =>
    client.audit.list({ ...toQuery(filters), cursor, signal, limit: PAGE_SIZE }),
  );
  const isFiltered = FIELDS.some((field) => filters[field] !== '');
  const apply = (next: Filters): void => {
    setDraft(next);
    setFilters(next);
    replacePlace(linkTo(['audit'], next));
  };
  const field = (name: keyof Filters) => ({
    value: draft[name],
    onInput: (value: string) => setDraft({ ...draft, [name]: value }),
  });

  return (
    <>
      <PageHead
        title="Audit trail"
        intro="Who did what, written in the transaction of the change itself, and sealed: a proof by each row says that it is still the one that was written."
        actions={<ExportButton />}
      />
      <form
        class="filters"
        role="search"
        aria-label="Audit rows"
        onSubmit={(event) => {
          event.preventDefault();
          apply(draft);
        }}
      >
        <TextField label="Action" isMono suggestions={ACTIONS} placeholder="any" {...field('action')} />
        <TextField label="Actor" placeholder="anybody" {...field('actor')} />
        <TextField label="Repository" isMono placeholder="any" {...field('repoKey')} />
        <TextField label="Resource" isMono placeholder="its id" {...field('resourceId')} />
        <TextField label="From" type="datetime-local" {...field('since')} />
        <TextField label="Until" type="datetime-local" {...field('until')} />
        <div class="filter-actions">
          <Button kind="primary" type="submit" icon="search">
            Filter
          </Button>
          {isFiltered && <Button onClick={() => apply(readFilters(new URLSearchParams()))}>Clear</Button>}
        </div>
      </form>
      <PagedTable
        caption="Audit rows, newest first"
        keyOf={({ auditId }: AuditRow) => auditId}
        pages={pages}
        columns={[
          { name: 'Action', isTitle: true, cell: ({ action }) => <code class="unbroken">{action}</code> },
          { name: 'Actor', cell: ({ actor }) => actor },
          { name: 'Repository', cell: ({ repoKey }) => (repoKey === null ? '' : <code>{repoKey}</code>) },
          { name: 'Resource', cell: (row) => <Resource row={row} /> },
          { name: 'When', cell: ({ occurredAtUtc }) => <When atUtc={occurredAtUtc} /> },
          { name: 'Proof', align: 'right', cell: (row) => <ProofBadge row={row} prove={prove} /> },
        ]}
        empty={
          <EmptyState icon="audit" title="No row matches">
            <p>{isFiltered ? 'Widen the filters: each must match in full.' : 'Every change leaves a row here.'}</p>
          </EmptyState>
        }
      />
    </>
  );
}

function readFilters(query: URLSearchParams): Filters {
  const of = (name: keyof Filters): string => query.get(name) ?? '';
  return {
    action: of('action'),
    actor: of('actor'),
    repoKey: of('repoKey'),
    resourceId: of('resourceId'),
    since: of('since'),
    until: of('until'),
  };
}

/** The fields that are filled in; times are the reader's own until here. */
function toQuery({ since, until, ...texts }: Filters): AuditFilters {
  const filled = Object.entries(texts).flatMap(([name, value]) => (value.trim() === '' ? [] : [[name, value.trim()]]));
  const moment = (text: string) => (Number.isNaN(Date.parse(text)) ? undefined : new Date(text).toISOString());
  return { ...Object.fromEntries(filled), since: moment(since), until: moment(until) };
}

function Resource({ row }: { readonly row: AuditRow }) {
  const { resourceType, resourceId, requestId, details } = row;
  return (
    <details class="resource">
      <summary>
        <span class="hint">{resourceType}</span> <code>{shortId(resourceId)}</code>
      </summary>
      <dl>
        <dt>Resource</dt>
        <dd>
          <code class="wrapped">{resourceId}</code>
        </dd>
        <dt>Request id</dt>
        <dd>
          <code class="wrapped">{requestId ?? 'none: the worker did it'}</code>
        </dd>
        <dt>Details</dt>
        <dd>
          <code class="wrapped">{JSON.stringify(details)}</code>
        </dd>
      </dl>
    </details>
  );
}

/** The whole sealed trail, to be kept elsewhere and verified there. */
function ExportButton() {
  const { client } = useConsole().session;
  const exporting = useAction();
  return (
    <>
      <Button
        icon="download"
        isBusy={exporting.isRunning}
        onClick={() =>
          exporting.run(async () => {
            const lines = await new Response(await client.audit.export()).blob();
            save(lines, 'audit.ndjson');
            announce('The sealed trail is exported. "artifortress audit verify audit.ndjson" checks it.');
          })
        }
      >
        Export
      </Button>
      {exporting.error !== null && <ErrorNotice error={exporting.error} />}
    </>
  );
}
