import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** From a cached look-up to a large upload, in seconds. */
const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600];

export interface Metrics {
  registry: Registry;
  observeRequest(request: { method: string; route: string; status: number; durationMs: number }): void;
}

export function createMetrics(gauges: { downloadsInProgress: () => number }): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'artifortress_http_request_duration_seconds',
    help: 'Time from the first line of a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers: [registry],
  });
  registry.registerMetric(
    new Gauge({
      name: 'artifortress_downloads_in_progress',
      help: 'Downloads that are being sent.',
      registers: [],
      collect() {
        this.set(gauges.downloadsInProgress());
      },
    }),
  );
  return {
    registry,
    observeRequest: ({ method, route, status, durationMs }) =>
      requests.observe({ method, route, status: String(status) }, durationMs / 1000),
  };
}
