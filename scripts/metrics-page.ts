import { Histogram, type Registry } from 'prom-client';

/** Those of the process and of Node come from a library, and differ a little from system to system. */
const OWN = /^artifortress_/;

/** `docs/metrics.md`, from the metrics that the server registers. */
export async function metricsPage(registry: Registry): Promise<string> {
  const metrics = registry.getMetricsAsArray().filter(({ name }) => OWN.test(name));
  const rows = await Promise.all(
    metrics.map(async (metric) => {
      const registered = registry.getSingleMetric(metric.name);
      const { type } = (await registered?.get()) ?? {};
      return `| \`${metric.name}\` | ${type ?? ''} | ${labelsOf(registered)} | ${metric.help} |`;
    }),
  );
  const histogram = metrics.map(({ name }) => registry.getSingleMetric(name)).find((one) => one instanceof Histogram);
  return `# Metrics

<!-- Generated from what src/metrics registers by "npm run generate": change it there. -->

\`GET /metrics\` answers in the text format of Prometheus. It needs \`repo:*:admin\`, or the token of \`ARTIFORTRESS_METRICS_TOKEN\`, or nothing
with \`ARTIFORTRESS_METRICS_OPEN=true\`. A scrape reads what the process knows already and asks nobody: no statement runs for it.

| name | type | labels | meaning |
|---|---|---|---|
${rows.join('\n')}

Beside these there are those of the process and of Node, as \`prom-client\` collects them: \`process_cpu_seconds_total\`,
\`process_resident_memory_bytes\`, \`process_open_fds\`, \`nodejs_eventloop_lag_p99_seconds\` (since the last scrape), \`nodejs_gc_duration_seconds\`,
\`nodejs_heap_size_used_bytes\` and their like.

## Labels

No label holds what a client chose: a route is its pattern (\`/v1/repos/:repoKey\`), what has no route is \`none\`, a method that is none of the
usual seven is \`other\`. Repositories, digests, subjects and tokens are in none.

A series whose first event must raise an alert is there at 0 from the start, since a counter that appears at 1 has not risen:
\`artifortress_http_server_errors_total\` and \`artifortress_store_failures_total\` are for that, and those by route and outcome to look closer.

The buckets of every histogram, in seconds: ${bucketsOf(histogram)}.

## What counts the whole installation

\`artifortress_upload_sessions\`, \`artifortress_jobs_*\` and \`artifortress_audit_*unsealed*\` are about the database, not the process,
and so are \`artifortress_wal_*\`, which are there only where PostgreSQL archives its log. A process with
\`ARTIFORTRESS_WORKER=true\` counts them in a round of its worker, at most every 15 seconds, in one transaction: three reads of at most
10,000 rows by an index, however many rows there are (\`test/worker/backlog.test.ts\` holds the plan), and a look at \`pg_stat_archiver\`, each given up after 2 seconds. Every such process tells the same, so take
\`max\`, not \`sum\`. A process without the worker has none of them.

What ended is not counted by reading: \`artifortress_audit_events_total\` counts rows of the audit trail as they are sealed, each once, so
\`sum(rate(artifortress_audit_events_total{action="upload.committed"}[5m]))\` is the rate of commits of all processes.

Reads of the threads that verify uploads do not pass through \`artifortress_store_call_duration_seconds\`; \`artifortress_verified_bytes_total\` has them.

## Dashboard and alerts

\`deploy/monitoring/\` holds a Prometheus configuration to start from, alert rules with their tests, and a dashboard for Grafana. See
[operating.md](operating.md#health-and-metrics).
`;
}

function labelsOf(metric: unknown): string {
  const names =
    typeof metric === 'object' && metric !== null && 'labelNames' in metric && Array.isArray(metric.labelNames)
      ? metric.labelNames
      : [];
  return names.map((name) => `\`${String(name)}\``).join(', ');
}

function bucketsOf(histogram: unknown): string {
  const bounds =
    typeof histogram === 'object' &&
    histogram !== null &&
    'upperBounds' in histogram &&
    Array.isArray(histogram.upperBounds)
      ? histogram.upperBounds
      : [];
  return bounds.join(', ');
}
