import { of, quantile, type Row, rate } from './panel.ts';

/** What goes on behind the requests, and what it all depends on. */
export const INSIDE_ROWS: Row[] = [
  {
    title: 'Uploads, verification, background work',
    panels: [
      {
        title: 'What happens',
        unit: 'ops',
        description: 'Rows of the audit trail by action, all processes together.',
        queries: [
          {
            expr: `sum by (action) (${rate('audit_events_total', 'action=~"upload.*|blob.*"')}) > 0`,
            legend: '{{action}}',
          },
        ],
      },
      {
        title: 'Live upload sessions',
        unit: 'short',
        description: 'Of the whole installation; at most 10,000 are counted.',
        queries: [{ expr: 'max by (state) (artifortress_upload_sessions)', legend: '{{state}}' }],
      },
      {
        title: 'Verifications',
        unit: 'short',
        description: 'Objects that are read back, and that wait for it.',
        queries: [
          { expr: `sum by (state) (artifortress_verifications${of()})`, legend: '{{state}}' },
          { expr: `sum(${rate('verifications_total', 'outcome="failed"')})`, legend: 'failed a second' },
        ],
      },
      {
        title: 'Bytes verified, and the oldest that waits',
        unit: 'Bps',
        description: 'Alert: ArtifortressVerificationLate.',
        queries: [
          { expr: `sum(${rate('verified_bytes_total')})`, legend: 'bytes a second' },
          { expr: `max(artifortress_verification_oldest_seconds${of()})`, legend: 'oldest, in seconds' },
        ],
      },
      {
        title: 'Jobs',
        unit: 'ops',
        description: 'Alerts: ArtifortressJobsFailing.',
        queries: [
          {
            expr: `sum by (kind, outcome) (${rate('job_duration_seconds_count')}) > 0`,
            legend: '{{kind}} {{outcome}}',
          },
        ],
      },
      {
        title: 'Waiting to be done',
        unit: 'short',
        description: 'Of the whole installation; at most 10,000 of each are counted.',
        queries: [
          { expr: 'max(artifortress_jobs_due)', legend: 'jobs due' },
          { expr: 'max(artifortress_audit_unsealed_rows)', legend: 'rows to be sealed' },
        ],
      },
      {
        title: 'Age of the oldest',
        unit: 's',
        description: 'Alerts: ArtifortressJobsLate, ArtifortressSealingLate.',
        queries: [
          { expr: 'max(artifortress_jobs_oldest_due_seconds)', legend: 'job due' },
          { expr: 'max(artifortress_audit_oldest_unsealed_seconds)', legend: 'row to be sealed' },
          { expr: 'time() - max(artifortress_backlog_measured_timestamp_seconds)', legend: 'these figures' },
          { expr: 'time() - max(artifortress_worker_round_timestamp_seconds)', legend: 'last round of a worker' },
        ],
      },
      {
        title: 'Tasks of the worker (p99)',
        unit: 's',
        description: 'One task in one round.',
        queries: [{ expr: quantile(0.99, 'worker_task_duration_seconds', 'task'), legend: '{{task}}' }],
      },
    ],
  },
  {
    title: 'What it depends on',
    panels: [
      {
        title: 'Statements and transactions (p99)',
        unit: 's',
        description: 'With their wait for a connection.',
        queries: [
          { expr: quantile(0.99, 'database_statement_duration_seconds', ''), legend: 'statements' },
          { expr: quantile(0.99, 'database_transaction_duration_seconds', ''), legend: 'transactions' },
        ],
      },
      {
        title: 'Connections to PostgreSQL',
        unit: 'short',
        description: 'Alert: ArtifortressDatabasePoolBusy.',
        queries: [
          { expr: `sum by (state) (artifortress_database_pool_connections${of()})`, legend: '{{state}}' },
          { expr: `sum(artifortress_database_pool_limit${of()})`, legend: 'limit' },
          { expr: `sum(artifortress_database_pool_waiting${of()})`, legend: 'waiting' },
        ],
      },
      {
        title: 'Failures of the database',
        unit: 'ops',
        description: 'Alert: ArtifortressDatabaseAway.',
        queries: [{ expr: `sum by (kind) (${rate('database_errors_total')})`, legend: '{{kind}}' }],
      },
      {
        title: 'Archive of the log of PostgreSQL',
        unit: 's',
        description: 'Alert: ArtifortressWalArchiveFailing. Empty where the log is not archived.',
        queries: [
          { expr: 'time() - max(artifortress_wal_archived_timestamp_seconds)', legend: 'since the last segment' },
          {
            expr: 'max(increase(artifortress_wal_archive_failures_total[5m]))',
            legend: 'failures in 5 minutes',
          },
        ],
      },
      {
        title: 'Calls to the store',
        unit: 'ops',
        description: 'By operation.',
        queries: [
          { expr: `sum by (operation) (${rate('store_call_duration_seconds_count')})`, legend: '{{operation}}' },
        ],
      },
      {
        title: 'Calls to the store (p99)',
        unit: 's',
        description: 'put and receivePart last as long as their client takes.',
        queries: [{ expr: quantile(0.99, 'store_call_duration_seconds', 'operation'), legend: '{{operation}}' }],
      },
      {
        title: 'Failures of the store',
        unit: 'ops',
        description:
          'Alerts: ArtifortressStoreFailing, ArtifortressStoreFull. Also what was not found, or not as it was declared.',
        queries: [
          { expr: `sum by (kind) (${rate('store_failures_total')})`, legend: 'all calls: {{kind}}' },
          {
            expr: `sum by (operation, outcome) (${rate('store_call_duration_seconds_count', 'outcome!="ok"')})`,
            legend: '{{operation}} {{outcome}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Processes',
    panels: [
      {
        title: 'Resident memory',
        unit: 'bytes',
        description: 'By process.',
        queries: [{ expr: `process_resident_memory_bytes${of('job="artifortress"')}`, legend: '{{instance}}' }],
      },
      {
        title: 'Processor',
        unit: 'short',
        description: 'Cores in use, by process.',
        queries: [
          {
            expr: `rate(process_cpu_seconds_total${of('job="artifortress"')}[$__rate_interval])`,
            legend: '{{instance}}',
          },
        ],
      },
      {
        title: 'Event-loop delay (p99)',
        unit: 's',
        description: 'Alert: ArtifortressEventLoopSlow.',
        queries: [{ expr: `nodejs_eventloop_lag_p99_seconds${of('job="artifortress"')}`, legend: '{{instance}}' }],
      },
      {
        title: 'Open file descriptors',
        unit: 'short',
        description: 'Alert: ArtifortressFileDescriptors.',
        queries: [{ expr: `process_open_fds${of('job="artifortress"')}`, legend: '{{instance}}' }],
      },
      {
        title: 'Versions',
        unit: 'short',
        description: 'How many processes run which version.',
        queries: [{ expr: `sum by (version) (artifortress_build_info${of()})`, legend: '{{version}}' }],
      },
    ],
  },
];
