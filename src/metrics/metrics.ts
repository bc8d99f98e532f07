import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { DatabaseObserver } from '../kernel/database-observer.ts';
import { STORE_OPERATIONS, type StoreObserver } from '../objects/observed-store.ts';
import { DURATION_BUCKETS_SECONDS } from './instruments.ts';

/** What is measured while it happens. What can be asked for at any time is registered by `state-metrics.ts`. */
export interface Metrics {
  registry: Registry;
  /** @param status null where the client went away before the answer was whole. */
  observeRequest(request: { method: string; route: string; status: number | null; durationMs: number }): void;
  database: DatabaseObserver;
  store: StoreObserver;
  observeJob(kind: string, outcome: JobResult, durationMs: number): void;
  observeWorkerTask(task: string, outcome: 'done' | 'failed', durationMs: number): void;
  /** Of rows of the audit trail, as they are sealed: each is counted by one process, once. */
  countAuditEvents(actions: Iterable<string>): void;
}

export type JobResult = 'done' | 'again' | 'failed';

/** Whatever else a client sends as its method is one series. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);

export const LEAST_SERVER_ERROR = 500;

/** The outcomes of a call by which a store is in trouble; the others are answers about what was asked for. */
const STORE_FAILURES: ReadonlySet<string> = new Set(['unavailable', 'access_denied', 'full', 'failed']);

/** Each is the sum of another one of the defaults over its label, under a name that is for counters alone. */
const MISNAMED_DEFAULTS = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

export interface MetricsOptions {
  version: string;
  /** Values that a label will have, so that their first event is seen as a rise from 0. */
  known: { jobKinds: readonly string[]; auditActions: readonly string[]; serverErrorCodes: readonly string[] };
}

export function createMetrics({ version, known }: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED_DEFAULTS) registry.removeSingleMetric(name);
  registerBuild(registry, version);
  return {
    registry,
    observeRequest: requestObserver(registry, known),
    database: databaseObserver(registry),
    store: storeObserver(registry),
    ...backgroundObservers(registry, known),
  };
}

function registerBuild(registry: Registry, version: string): void {
  const build = new Gauge({
    name: 'artifortress_build_info',
    help: 'Always 1; the version is the label.',
    labelNames: ['version'],
    registers: [registry],
  });
  build.set({ version }, 1);
}

function requestObserver(
  registry: Registry,
  { serverErrorCodes }: Pick<MetricsOptions['known'], 'serverErrorCodes'>,
): Metrics['observeRequest'] {
  const durations = new Histogram({
    name: 'artifortress_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer, by class of status (2xx, …; aborted: the client went away).',
    labelNames: ['method', 'route', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  });
  const answers = new Counter({
    name: 'artifortress_http_requests_total',
    help: 'Answered requests by status code (aborted: the client went away).',
    labelNames: ['method', 'route', 'code'],
    registers: [registry],
  });
  // By route a series would begin with its first error, which is then no rise of anything.
  const serverErrors = new Counter({
    name: 'artifortress_http_server_errors_total',
    help: 'Requests that were answered 5xx, over all routes. 500: a bug; 503: something is away, or no room; 507: the store is full.',
    labelNames: ['code'],
    registers: [registry],
  });
  for (const code of serverErrorCodes) serverErrors.inc({ code }, 0);
  return ({ method, route, status, durationMs }) => {
    const known = METHODS.has(method) ? method : 'other';
    const statusClass = status === null ? 'aborted' : `${Math.floor(status / 100)}xx`;
    durations.observe({ method: known, route, status: statusClass }, durationMs / 1000);
    answers.inc({ method: known, route, code: status === null ? 'aborted' : String(status) });
    if (status !== null && status >= LEAST_SERVER_ERROR) serverErrors.inc({ code: String(status) });
  };
}

function databaseObserver(registry: Registry): DatabaseObserver {
  const statements = new Histogram({
    name: 'artifortress_database_statement_duration_seconds',
    help: 'Time of a statement, outside of a transaction with its wait for a connection.',
    labelNames: ['outcome'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  });
  const transactions = new Histogram({
    name: 'artifortress_database_transaction_duration_seconds',
    help: 'Time of a transaction with its wait for a connection; each attempt counts.',
    labelNames: ['outcome'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  });
  const errors = new Counter({
    name: 'artifortress_database_errors_total',
    help: 'Failed statements and transactions. conflict: deadlock or serialization, run again; unavailable: the database is away; other: the rest.',
    labelNames: ['kind'],
    registers: [registry],
  });
  for (const kind of ['conflict', 'unavailable', 'other']) errors.inc({ kind }, 0);
  for (const outcome of ['ok', 'failed']) statements.zero({ outcome });
  for (const outcome of ['committed', 'rolled_back']) transactions.zero({ outcome });
  return {
    statement: (outcome, durationMs) => statements.observe({ outcome }, durationMs / 1000),
    transaction: (outcome, durationMs) => transactions.observe({ outcome }, durationMs / 1000),
    error: (kind) => errors.inc({ kind }),
  };
}

function storeObserver(registry: Registry): StoreObserver {
  const calls = new Histogram({
    name: 'artifortress_store_call_duration_seconds',
    help: 'Time of a call to the object store: ok, or the kind of failure. put and receivePart include the client, open ends before the bytes.',
    labelNames: ['operation', 'outcome'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  });
  const failures = new Counter({
    name: 'artifortress_store_failures_total',
    help: 'Calls to the object store that failed since it is away, refuses access or is full; failed: on something else, for put and receivePart also on a body that broke off.',
    labelNames: ['operation', 'kind'],
    registers: [registry],
  });
  const received = new Counter({
    name: 'artifortress_received_bytes_total',
    help: 'Bytes of artifacts that arrived whole. put, part: through this process; presigned: straight to the store, counted when completed.',
    labelNames: ['path'],
    registers: [registry],
  });
  const urls = new Counter({
    name: 'artifortress_presigned_urls_total',
    help: 'URLs given out for parts and for redirected downloads.',
    labelNames: ['kind'],
    registers: [registry],
  });
  for (const operation of STORE_OPERATIONS) for (const kind of STORE_FAILURES) failures.inc({ operation, kind }, 0);
  for (const path of ['put', 'part', 'presigned']) received.inc({ path }, 0);
  for (const kind of ['part', 'download']) urls.inc({ kind }, 0);
  return {
    call(operation, outcome, durationMs) {
      calls.observe({ operation, outcome }, durationMs / 1000);
      if (STORE_FAILURES.has(outcome)) failures.inc({ operation, kind: outcome });
    },
    received: (path, bytes) => received.inc({ path }, bytes),
    presigned: (kind) => urls.inc({ kind }),
  };
}

function backgroundObservers(
  registry: Registry,
  known: MetricsOptions['known'],
): Pick<Metrics, 'observeJob' | 'observeWorkerTask' | 'countAuditEvents'> {
  const jobs = new Histogram({
    name: 'artifortress_job_duration_seconds',
    help: 'Time of a run of a job. again: it has a later step; failed: it is put off and tried again.',
    labelNames: ['kind', 'outcome'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  });
  const tasks = new Histogram({
    name: 'artifortress_worker_task_duration_seconds',
    help: 'Time of one task in a round of the worker.',
    labelNames: ['task', 'outcome'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  });
  const events = new Counter({
    name: 'artifortress_audit_events_total',
    help: 'Rows of the audit trail by action, counted once, by the process that sealed them: changes of every kind.',
    labelNames: ['action'],
    registers: [registry],
  });
  for (const kind of known.jobKinds) for (const outcome of ['done', 'failed']) jobs.zero({ kind, outcome });
  for (const action of known.auditActions) events.inc({ action }, 0);
  return {
    observeJob: (kind, outcome, durationMs) => jobs.observe({ kind, outcome }, durationMs / 1000),
    observeWorkerTask: (task, outcome, durationMs) => tasks.observe({ task, outcome }, durationMs / 1000),
    countAuditEvents(actions) {
      for (const action of actions) events.inc({ action });
    },
  };
}
