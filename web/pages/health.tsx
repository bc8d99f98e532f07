import type { DependencyHealth, Readiness } from '../../src/client/index.ts';
import { Icon } from '../components/icons.tsx';
import { ErrorNotice, Notice, Skeleton } from '../components/notices.tsx';
import { PageHead } from '../components/page-head.tsx';
import { Table } from '../components/table.tsx';
import { Badge } from '../components/values.tsx';
import { useConsole } from '../context.ts';
import { useLoaded } from '../use-loaded.ts';
import { usePolling } from '../use-polling.ts';
import { MetricsPanel } from './metrics-panel.tsx';

const POLL_MS = 5_000;

const NAMES: Readonly<Record<string, string>> = { database: 'Database', objectStore: 'Object store' };

/** Whether the server can work; for administrators, on what, and how it does. */
export function HealthPage() {
  const { client, permissions } = useConsole().session;
  const { value, error, isLoading, reload } = useLoaded('health', async (signal) => ({
    service: await client.service.info({ signal }),
    readiness: await client.service.readiness({ signal }),
  }));
  usePolling(() => {
    if (!isLoading) reload();
  }, POLL_MS);
  const mayKnowMore = permissions.may('admin', '*');
  const store = value?.readiness.dependencies.objectStore;
  return (
    <>
      <PageHead
        title="Health"
        intro={value !== null && `Artifortress ${value.service.version}, asked every ${POLL_MS / 1000} seconds.`}
      />
      {error !== null && <ErrorNotice error={error} onRetry={reload} />}
      {value === null && error === null && <Skeleton />}
      {value !== null && <Overall readiness={value.readiness} />}
      {value !== null && (
        <ul class="tiles">
          {Object.entries(value.readiness.dependencies).map(([name, dependency]) => (
            <Dependency key={name} name={NAMES[name] ?? name} dependency={dependency} />
          ))}
        </ul>
      )}
      {mayKnowMore ? (
        <>
          <MetricsPanel />
          {store !== undefined && <Capabilities store={store} />}
        </>
      ) : (
        <p class="hint">What the store can do, and how the server does, is shown to administrators (repo:*:admin).</p>
      )}
    </>
  );
}

function Overall({ readiness }: { readonly readiness: Readiness }) {
  return readiness.ready ? (
    <Notice kind="success" icon="check">
      <p class="notice-title">Ready: everything that it depends on is up.</p>
    </Notice>
  ) : (
    <Notice kind="warning" icon="warning">
      <p class="notice-title">Not ready: something below is down, or the server is stopping.</p>
      <p>What is in progress is retried by clients; nothing that was acknowledged is lost.</p>
    </Notice>
  );
}

function Dependency({ name, dependency }: { readonly name: string; readonly dependency: DependencyHealth }) {
  const isUp = dependency.status === 'up';
  return (
    <li class="tile">
      <span class="tile-name">{name}</span>
      <Badge tone={isUp ? 'good' : 'bad'}>{dependency.status}</Badge>
      {dependency.detail !== null && <p class="hint">{dependency.detail}</p>}
    </li>
  );
}

function Capabilities({ store }: { readonly store: DependencyHealth }) {
  const capabilities = store.capabilities ?? [];
  return (
    <section class="panel" aria-labelledby="capabilities">
      <div class="panel-head">
        <h2 id="capabilities">
          <Icon name="repository" />
          What the store can do
        </h2>
      </div>
      {capabilities.length === 0 ? (
        <p class="hint">
          Nothing has been found out yet: the store is asked when it is first needed. A store in a folder can do all
          that there is.
        </p>
      ) : (
        <Table
          caption="Capabilities of the object store"
          rows={capabilities}
          keyOf={({ name }) => name}
          columns={[
            { name: 'Capability', isTitle: true, cell: ({ name }) => name },
            {
              name: 'There',
              cell: ({ supported }) => <Badge tone={supported ? 'good' : 'warn'}>{supported ? 'yes' : 'no'}</Badge>,
            },
            {
              name: 'What that means',
              cell: ({ supported, detail, without }) => (
                <span class="hint">{supported ? 'used' : `${detail}: ${without}`}</span>
              ),
            },
          ]}
        />
      )}
    </section>
  );
}
