import { z } from 'zod';
import { headerList, httpUrl, ratio, setting, wholeNumber, yesOrNo } from './setting.ts';

/** How much is taken on at once, how a stop goes, who sees what is going on. */
export const OPERATIONS_SETTINGS = {
  maximumRequests: setting(
    'ARTIFORTRESS_MAX_REQUESTS',
    wholeNumber(1, 1_000_000),
    '5000',
    'Requests in progress at the same time, downloads and uploads among them; one more is answered 503. Health and metrics always are answered.',
  ),
  maximumDatabaseWaiters: setting(
    'ARTIFORTRESS_MAX_DATABASE_WAITERS',
    wholeNumber(1, 1_000_000),
    '2000',
    'Callers that wait for a connection to PostgreSQL; while there are as many, new requests are answered 503.',
  ),
  maximumStreamedUploads: setting(
    'ARTIFORTRESS_MAX_STREAMED_UPLOADS',
    wholeNumber(1, 100_000),
    '500',
    'Uploads whose bytes pass through this process at the same time (one-request PUTs; with the folder also parts); one more is answered 503.',
  ),
  maximumVerificationsWaiting: setting(
    'ARTIFORTRESS_MAX_VERIFICATIONS_WAITING',
    wholeNumber(1, 100_000),
    '1000',
    'Stored objects that wait to be read back and hashed; a commit that needs one more is answered 503.',
  ),
  readinessCacheMs: setting(
    'ARTIFORTRESS_READINESS_CACHE_MS',
    wholeNumber(0, 60_000),
    '1000',
    'How long /health/ready repeats what it found out, so that probes cost the database and the store nothing.',
  ),
  shutdownDelaySeconds: setting(
    'ARTIFORTRESS_SHUTDOWN_DELAY_SECONDS',
    wholeNumber(0, 3600),
    '0',
    'How long a server that was asked to stop goes on serving, with /health/ready at 503: time for a load balancer to notice.',
  ),
  shutdownGraceSeconds: setting(
    'ARTIFORTRESS_SHUTDOWN_GRACE_SECONDS',
    wholeNumber(0, 3600),
    '20',
    'How long requests in progress may then go on.',
  ),
  otlpTracesUrl: setting(
    'ARTIFORTRESS_OTLP_TRACES_URL',
    httpUrl,
    undefined,
    'Where traces are sent (OTLP over HTTP, JSON), such as http://collector:4318/v1/traces. Unset: nothing is traced.',
  ),
  otlpHeaders: setting(
    'ARTIFORTRESS_OTLP_HEADERS',
    headerList,
    undefined,
    'Headers that the collector wants, as name=value, divided by commas.',
    { secret: true },
  ),
  traceRatio: setting(
    'ARTIFORTRESS_TRACE_RATIO',
    ratio,
    '1',
    'The share of requests and jobs that are traced, from 0 to 1. A client that sends a traceparent decides for its own requests.',
  ),
  metricsToken: setting(
    'ARTIFORTRESS_METRICS_TOKEN',
    z.string().min(16, 'must have at least 16 characters'),
    undefined,
    'A bearer token that may read /metrics and nothing else.',
    { secret: true },
  ),
  metricsOpen: setting('ARTIFORTRESS_METRICS_OPEN', yesOrNo, 'false', 'Whether anyone may read /metrics.'),
} as const;
