import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { inject } from 'vitest';
import { runDueJobs } from '../../src/jobs/run-due-jobs.ts';
import { loadConfig } from '../../src/kernel/config.ts';
import type { Settings } from '../../src/kernel/settings.ts';
import { type RunningServer, startServer } from '../../src/main.ts';
import { sweepOverdueSessions } from '../../src/uploads/sweep-overdue.ts';
import type { TestS3Server } from './s3-global-setup.ts';
import { suiteLogger } from './suite-logger.ts';
import { createTestClock, type TestClock } from './test-clock.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

export interface Reply {
  status: number;
  headers: Headers;
  /** The parsed body where it is JSON, else undefined. */
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  json: any; // oxlint-disable-line typescript/no-explicit-any
  bytes: Buffer;
}

export interface RequestOptions {
  /** A bearer token; null for none; left out for the administrator's. */
  token?: string | null;
  json?: unknown;
  body?: Uint8Array | string;
  headers?: Record<string, string>;
}

/** A whole server on a free port, with a database and a folder of its own, whose clock and worker the test owns. */
export interface TestServer {
  url: string;
  clock: TestClock;
  database: TestDatabase;
  dataDirectory: string;
  running: RunningServer;
  bootstrapToken: string;
  adminToken: string;
  /** `path` may be absolute. */
  request(method: string, path: string, options?: RequestOptions): Promise<Reply>;
  issueToken(subject: string, scopes: string[], ttlMinutes?: number): Promise<string>;
  createRepository(repoKey: string): Promise<void>;
  /** One round of the worker: overdue sessions, then due jobs. */
  runWorker(): Promise<void>;
  close(): Promise<void>;
}

export interface TestServerOptions {
  settings?: Partial<Settings>;
  clock?: TestClock;
  /** Share these with another server, as replicas do. */
  database?: TestDatabase;
  dataDirectory?: string;
}

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const clock = options.clock ?? createTestClock();
  const database = options.database ?? (await createTestDatabase());
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), 'artifortress-server-')));
  const bootstrapToken = `bootstrap-${randomBytes(16).toString('hex')}`;
  const { settings: defaults } = loadConfig({});
  const settings: Settings = {
    ...defaults,
    port: 0,
    databaseUrl: database.url,
    dataDirectory,
    bootstrapToken,
    worker: false,
    databasePoolSize: 8,
    shutdownGraceSeconds: 1,
    // Tests take a dependency away and look at once.
    readinessCacheMs: 0,
    // Tests fail on purpose, all from one address.
    authFailuresPerMinute: 1_000_000,
    tokenFailuresPerMinute: 1_000_000,
    ...storeUnderTest(dataDirectory),
    ...options.settings,
  };
  const running = await startServer({ settings, log: suiteLogger(), clock });
  const server: Omit<TestServer, 'adminToken'> = {
    url: running.url,
    clock,
    database,
    dataDirectory,
    running,
    bootstrapToken,
    request: (method, path, request = {}) => send(running.url, method, path, { token: adminToken, ...request }),
    async issueToken(subject, scopes, ttlMinutes = 60) {
      const reply = await send(running.url, 'POST', '/v1/auth/pats', {
        headers: { 'x-bootstrap-token': bootstrapToken },
        json: { subject, scopes, ttlMinutes },
      });
      if (reply.status !== 200) throw new Error(`no token: ${reply.status} ${reply.bytes.toString()}`);
      return String(reply.json.token);
    },
    async createRepository(repoKey) {
      const reply = await send(running.url, 'POST', '/v1/repos', {
        token: adminToken,
        json: { repoKey, repoType: 'local' },
      });
      if (reply.status !== 201) throw new Error(`no repository: ${reply.status} ${reply.bytes.toString()}`);
    },
    async runWorker() {
      await sweepOverdueSessions(running.services);
      await runDueJobs(running.services);
    },
    async close() {
      await running.stop();
      if (options.database === undefined) await database.drop();
      if (options.dataDirectory === undefined) await rm(dataDirectory, { recursive: true, force: true });
    },
  };
  const adminToken: string = await server.issueToken('root', ['repo:*:admin'], 1440);
  return { ...server, adminToken };
}

/** By default the folder. A run of these same suites may name an S3 server instead: each test server gets a prefix of its own. */
function storeUnderTest(dataDirectory: string): Partial<Settings> {
  const name = process.env.ARTIFORTRESS_TEST_STORE;
  if (name !== 'minio' && name !== 'versitygw') return {};
  const servers = inject('s3Servers');
  if (servers === null) throw new Error(`${name} is not running`);
  // What replicas share the data folder for, they share the prefix for.
  return { ...s3Settings(servers[name]), s3Prefix: `${basename(dataDirectory).toLowerCase()}/` };
}

/** Settings of a server on a bucket, under a prefix of its own. The credentials go to the environment, where the SDK looks. */
export function s3Settings(server: TestS3Server): Partial<Settings> {
  process.env.AWS_ACCESS_KEY_ID = server.accessKeyId;
  process.env.AWS_SECRET_ACCESS_KEY = server.secretAccessKey;
  return {
    s3Bucket: server.bucket,
    s3Endpoint: server.endpoint,
    s3Region: server.region,
    s3ForcePathStyle: true,
    s3Prefix: `${randomBytes(8).toString('hex')}/`,
  };
}

async function send(base: string, method: string, path: string, options: RequestOptions): Promise<Reply> {
  const headers = new Headers(options.headers);
  if (typeof options.token === 'string') headers.set('authorization', `Bearer ${options.token}`);
  if (options.json !== undefined) headers.set('content-type', 'application/json');
  const body = options.json === undefined ? options.body : JSON.stringify(options.json);
  // The browser's types, under which this is checked too, take no memory that may be shared.
  const sent = typeof body === 'string' || body === undefined ? body : new Uint8Array(body);
  const response = await fetch(new URL(path, base), {
    method,
    headers,
    redirect: 'manual',
    ...(sent === undefined ? {} : { body: sent }),
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true && bytes.length > 0;
  return {
    status: response.status,
    headers: response.headers,
    json: isJson ? JSON.parse(bytes.toString('utf8')) : undefined,
    bytes,
  };
}
