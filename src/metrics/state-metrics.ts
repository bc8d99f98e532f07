import type { Registry } from 'prom-client';
import type { DenialRecorder } from '../audit/denials.ts';
import type { Downloads } from '../blobs/downloads.ts';
import type { Admission } from '../http/admission.ts';
import type { PoolState } from '../kernel/database-observer.ts';
import type { HashPool } from '../uploads/hash-pool.ts';
import type { StreamedUploads } from '../uploads/streamed-uploads.ts';
import type { Verifications } from '../uploads/verifications.ts';
import { COUNTED_ROWS } from '../worker/backlog-store.ts';
import type { Worker } from '../worker/worker.ts';
import { gaugeOf, gaugesOf, totalOf, totalsOf } from './instruments.ts';

/** Whatever knows a state that is worth a metric. */
export interface StateSources {
  pool: () => PoolState;
  downloads: Downloads;
  streamedUploads: StreamedUploads;
  admission: Admission;
  hashPool: HashPool;
  verifications: Verifications;
  denials: DenialRecorder;
  worker: Pick<Worker, 'backlog' | 'roundAt'>;
}

/** Registers what is read off the running process when somebody scrapes: no statement, no walk, nothing that takes time. */
export function registerStateMetrics(registry: Registry, sources: StateSources): void {
  registerPool(registry, sources);
  registerTraffic(registry, sources);
  registerVerifications(registry, sources);
  registerDenials(registry, sources);
  registerBacklog(registry, sources);
}

function registerPool(registry: Registry, { pool }: StateSources): void {
  gaugesOf(
    registry,
    { name: 'artifortress_database_pool_connections', help: 'Open connections to PostgreSQL.', label: 'state' },
    () => ({ in_use: pool().inUse, idle: pool().idle }),
  );
  gaugeOf(
    registry,
    {
      name: 'artifortress_database_pool_limit',
      help: 'Connections that may be open (ARTIFORTRESS_DATABASE_POOL_SIZE).',
    },
    () => pool().limit,
  );
  gaugeOf(
    registry,
    { name: 'artifortress_database_pool_waiting', help: 'Callers that wait for a free connection.' },
    () => pool().waiting,
  );
}

function registerTraffic(
  registry: Registry,
  { admission, downloads, streamedUploads, verifications }: StateSources,
): void {
  gaugeOf(
    registry,
    { name: 'artifortress_http_requests_in_flight', help: 'Requests that are being answered.' },
    () => admission.requestsInFlight,
  );
  totalsOf(
    registry,
    {
      name: 'artifortress_shed_total',
      help: 'What was answered 503 since a bound was reached: requests in flight, waiters for the database, uploads, downloads, verifications.',
      label: 'bound',
    },
    () => ({
      ...admission.shed,
      uploads: streamedUploads.refused,
      downloads: downloads.refused,
      verifications: verifications.refused,
    }),
  );
  gaugeOf(
    registry,
    { name: 'artifortress_uploads_in_progress', help: 'Uploads whose bytes are passing through this process.' },
    () => streamedUploads.inProgress,
  );
  gaugeOf(
    registry,
    { name: 'artifortress_downloads_in_progress', help: 'Downloads that are being sent.' },
    () => downloads.inProgress,
  );
  totalOf(
    registry,
    { name: 'artifortress_downloads_admitted_total', help: 'Downloads that were let in to be sent by this process.' },
    () => downloads.admitted,
  );
  totalsOf(
    registry,
    {
      name: 'artifortress_sent_bytes_total',
      help: 'Bytes of artifacts. api: sent by this process; redirect: what the clients were redirected to the store for.',
      label: 'path',
    },
    () => ({ api: downloads.sentBytes, redirect: downloads.redirectedBytes }),
  );
}

function registerVerifications(registry: Registry, { hashPool, verifications }: StateSources): void {
  gaugesOf(
    registry,
    {
      name: 'artifortress_verifications',
      help: 'Stored objects that are being read back to prove their digests, and that wait for it, in this process.',
      label: 'state',
    },
    () => ({ running: hashPool.running, waiting: hashPool.waiting }),
  );
  gaugeOf(
    registry,
    {
      name: 'artifortress_verification_oldest_seconds',
      help: 'How long ago the oldest of them was asked for; 0 where there is none.',
    },
    () => verifications.oldestAgeMs() / 1000,
  );
  totalsOf(
    registry,
    { name: 'artifortress_verifications_total', help: 'Objects that were read back.', label: 'outcome' },
    () => ({ hashed: hashPool.totals.hashed, failed: hashPool.totals.failed }),
  );
  totalOf(
    registry,
    { name: 'artifortress_verified_bytes_total', help: 'Bytes that were read back and hashed.' },
    () => hashPool.totals.hashedBytes,
  );
}

function registerDenials(registry: Registry, { denials }: StateSources): void {
  totalsOf(
    registry,
    {
      name: 'artifortress_denials_total',
      help: 'Refused secrets (401), rights and signed URLs (403).',
      label: 'reason',
    },
    () => denials.totals(),
  );
  totalOf(
    registry,
    {
      name: 'artifortress_denials_unrecorded_total',
      help: 'Those of them without a row of their own in the audit trail, since there were too many.',
    },
    () => denials.unrecorded(),
  );
}

function registerBacklog(registry: Registry, { worker }: StateSources): void {
  const backlog = () => worker.backlog();
  const seconds = (milliseconds: number | undefined) => (milliseconds === undefined ? undefined : milliseconds / 1000);
  gaugesOf(
    registry,
    {
      name: 'artifortress_upload_sessions',
      help: `Live upload sessions; at most ${COUNTED_ROWS} are counted, those that expire first.`,
      label: 'state',
    },
    () => backlog()?.sessions,
  );
  gaugeOf(
    registry,
    { name: 'artifortress_jobs_due', help: `Jobs whose time has come; at most ${COUNTED_ROWS} are counted.` },
    () => backlog()?.jobsDue,
  );
  gaugeOf(
    registry,
    { name: 'artifortress_jobs_oldest_due_seconds', help: 'For how long the oldest of them is due; 0 without one.' },
    () => seconds(backlog()?.oldestJobMs),
  );
  gaugeOf(
    registry,
    {
      name: 'artifortress_audit_unsealed_rows',
      help: `Rows of the audit trail in no batch yet; at most ${COUNTED_ROWS} are counted.`,
    },
    () => backlog()?.unsealedRows,
  );
  gaugeOf(
    registry,
    { name: 'artifortress_audit_oldest_unsealed_seconds', help: 'Age of the oldest of them; 0 without one.' },
    () => seconds(backlog()?.oldestUnsealedMs),
  );
  gaugeOf(
    registry,
    {
      name: 'artifortress_backlog_measured_timestamp_seconds',
      help: 'When sessions, jobs and unsealed rows were last counted, by the worker of this process.',
    },
    () => seconds(backlog()?.measuredAt.getTime()),
  );
  totalOf(
    registry,
    {
      name: 'artifortress_wal_archive_failures_total',
      help: 'Attempts of PostgreSQL to archive a segment of its log that failed. None where it archives nothing.',
    },
    () => backlog()?.walArchiving?.failures,
  );
  gaugeOf(
    registry,
    {
      name: 'artifortress_wal_archived_timestamp_seconds',
      help: 'When PostgreSQL last archived a segment of its log. None before the first, and where it archives nothing.',
    },
    () => seconds(backlog()?.walArchiving?.archivedAt?.getTime()),
  );
  gaugeOf(
    registry,
    { name: 'artifortress_worker_round_timestamp_seconds', help: 'When the last round of the worker ended.' },
    () => seconds(worker.roundAt()?.getTime()),
  );
}
