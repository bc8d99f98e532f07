import { join } from 'node:path';
import { Server as TlsServer } from 'node:tls';
import { establishBootstrapSecret } from './access/bootstrap.ts';
import { createAuthenticationFailures } from './access/failures.ts';
import { loadIdentityProviders } from './access/identity-providers.ts';
import { createLastUseRecorder } from './access/last-use.ts';
import { createJwtVerifier } from './access/verify-jwt.ts';
import { createDenialRecorder } from './audit/denials.ts';
import { createDownloads } from './blobs/downloads.ts';
import { createAdmission } from './http/admission.ts';
import { createDrain } from './http/drain.ts';
import { createServer, type HttpServer } from './http/server.ts';
import { readTlsFiles, reloadTls, tlsFilesOf } from './http/tls.ts';
import { type Clock, systemClock } from './kernel/clock.ts';
import { lockDataFolder } from './kernel/data-folder-lock.ts';
import { type ConnectionTarget, type Database, openDatabase } from './kernel/database.ts';
import { startEmbeddedPostgres } from './kernel/embedded-postgres/index.ts';
import { walArchiveOf } from './kernel/embedded-postgres/wal-archive.ts';
import { messageOf } from './kernel/errors.ts';
import { createIds } from './kernel/ids.ts';
import type { Logger } from './kernel/log.ts';
import { migrate } from './kernel/migrate.ts';
import type { Settings } from './kernel/settings.ts';
import { readVersion } from './kernel/version.ts';
import { establishSigner } from './keys/signer.ts';
import { KNOWN_LABELS } from './metrics/known-labels.ts';
import { createMetrics } from './metrics/metrics.ts';
import { registerStateMetrics } from './metrics/state-metrics.ts';
import type { ObjectStore } from './objects/object-store.ts';
import { observedPartReceiver, observedStore } from './objects/observed-store.ts';
import { openStore } from './objects/open-store.ts';
import type { Services } from './services.ts';
import { openTracer } from './tracing/open-tracer.ts';
import { acceptOrReject } from './uploads/commit-upload.ts';
import { createHashPool } from './uploads/hash-pool.ts';
import { createStreamedUploads } from './uploads/streamed-uploads.ts';
import { createVerifications } from './uploads/verifications.ts';
import { startWorker } from './worker/worker.ts';

export interface RunningServer {
  /** Where it listens, as clients on this machine reach it. */
  url: string;
  /** The bootstrap secret, where this very start generated it. */
  generatedBootstrapSecret: string | undefined;
  services: Services;
  routeTable: HttpServer['routeTable'];
  /** Resolves with a reason where the server can't go on: its database has died. */
  failed: Promise<string>;
  /**
   * Becomes unready, waits for a load balancer to notice (not with `atOnce`), takes no new request, lets those in progress end within
   * the grace period, stops the worker, closes what was opened.
   */
  stop(options?: { atOnce?: boolean }): Promise<void>;
}

export interface StartOptions {
  settings: Settings;
  log: Logger;
  clock?: Clock;
  /** Stand between the server and what it depends on, so that tests can make that fail at any call. */
  seams?: {
    database?: (database: Database) => Database;
    objects?: (store: ObjectStore) => ObjectStore;
  };
}

/** Starts the product: the one place that constructs things and passes them on. */
export async function startServer({
  settings,
  log,
  clock = systemClock,
  seams = {},
}: StartOptions): Promise<RunningServer> {
  await using undo = new AsyncDisposableStack();
  const providers = loadIdentityProviders(settings.oidcFile);
  const tlsFiles = tlsFilesOf(settings);
  const tls = tlsFiles && readTlsFiles(tlsFiles);
  const database = await startDatabase(settings, log, undo);
  const applied = await migrate(database.target);
  if (applied.length > 0) log.info({ applied }, 'migrations applied');
  const version = readVersion();
  const metrics = createMetrics({ version, known: KNOWN_LABELS });
  const tracer = await openTracer(settings, version, log);
  undo.defer(() => tracer.close());
  const { databasePoolSize: poolSize } = settings;
  const pool = openDatabase({ target: database.target, poolSize, log, observer: metrics.database, tracer });
  undo.defer(() => pool.close());
  const db = seams.database?.(pool) ?? pool;

  const ids = createIds(clock);
  const bootstrap = await establishBootstrapSecret({ db, ids }, settings.bootstrapToken);
  const signer = await establishSigner({ db, clock }, settings.signingKeyFile);
  let listeningUrl = '';
  const publicUrl = () => settings.publicUrl ?? listeningUrl;
  const opened = await openStore({ settings, clock, ids, log, publicUrl });
  const { location, uploadOrigins } = opened;
  const store = observedStore(seams.objects?.(opened.store) ?? opened.store, metrics.store, tracer);
  const partContent = opened.partContent && {
    store: observedPartReceiver(opened.partContent.store, metrics.store, tracer),
    signer: opened.partContent.signer,
  };
  undo.defer(() => opened.close());
  // Found out now, so that the log says it at the start; a store that is away is asked again when it is needed.
  store.ping().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'the object store is not ready yet'));
  const downloads = createDownloads(settings);
  const streamedUploads = createStreamedUploads(settings);
  const base = {
    db,
    objects: store,
    clock,
    ids,
    log,
    settings,
    downloads,
    streamedUploads,
    publicUrl,
    signer,
    metrics,
    tracer,
  };
  const hashPool = createHashPool(location, {
    threads: settings.verificationConcurrency,
    waiting: settings.maximumVerificationsWaiting,
  });
  const verifications = createVerifications(base, hashPool, (attribution, session, digest) =>
    acceptOrReject(base, attribution, session, digest, 'full_read'),
  );
  undo.defer(() => verifications.close());
  const services: Services = { ...base, verifications };

  const denials = createDenialRecorder(services);
  const lastUses = createLastUseRecorder(services);
  const failures = createAuthenticationFailures(clock, settings);
  const admission = createAdmission(settings, () => pool.poolState());
  const drain = createDrain({ settings, log, admission });
  const { app, routeTable } = await createServer(services, {
    version,
    authorize: { ...services, bootstrapSha256: bootstrap.sha256, denials, lastUses, failures },
    jwts: createJwtVerifier(providers, clock),
    admission,
    partContent,
    uploadOrigins,
    tls,
    isAccepting: () => drain.isAccepting(),
  });
  const worker = startWorker(services, {
    'record the last use of tokens': () => lastUses.flush(),
    'count the denials that were left out': () => denials.flush(),
  });
  undo.defer(async () => {
    await worker.stop();
    log.info({ phase: 'worker' }, 'stopping: the worker has ended its round');
  });
  registerStateMetrics(metrics.registry, {
    pool: () => pool.poolState(),
    downloads,
    streamedUploads,
    admission,
    hashPool,
    verifications,
    denials,
    worker,
  });
  await app.listen({ host: settings.host, port: settings.port });
  listeningUrl = urlOf(tls === undefined ? 'http' : 'https', settings.host, app.server.address());
  if (tlsFiles !== undefined && app.server instanceof TlsServer) {
    undo.defer(reloadTls(app.server, tlsFiles, log));
  }
  let delay = true;
  undo.defer(() => drain.run(app, { delay }));

  const open = undo.move();
  let stopping: Promise<void> | undefined;
  return {
    url: listeningUrl,
    generatedBootstrapSecret: bootstrap.generated,
    services,
    routeTable,
    failed: database.failed,
    stop({ atOnce = false } = {}) {
      if (atOnce) delay = false;
      stopping ??= open.disposeAsync();
      return stopping;
    },
  };
}

interface StartedDatabase {
  target: ConnectionTarget;
  failed: Promise<string>;
}

/** The database of the settings, or the embedded one under the data folder, which then is this process's alone. */
async function startDatabase(settings: Settings, log: Logger, undo: AsyncDisposableStack): Promise<StartedDatabase> {
  if (settings.databaseUrl !== undefined) {
    return { target: { connectionString: settings.databaseUrl }, failed: new Promise(() => undefined) };
  }
  const holder = `artifortress serve on http://${settings.host}:${settings.port}`;
  const lock = await lockDataFolder(settings.dataDirectory, holder);
  undo.defer(() => lock.release());
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(settings.dataDirectory, 'postgres'),
    log,
    archive: walArchiveOf(settings),
  });
  undo.defer(() => postgres.stop());
  const failed = postgres.exited.then(
    ({ code, signal }) => `the embedded PostgreSQL ended by itself (${signal ?? `exit code ${code}`})`,
  );
  return { target: postgres.connection, failed };
}

/** An address that listens everywhere is reached, from this machine, by the loopback one. */
function urlOf(scheme: string, host: string, address: ReturnType<HttpServer['app']['server']['address']>): string {
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const reachable =
    host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host.includes(':') ? `[${host}]` : host;
  return `${scheme}://${reachable}:${port}`;
}
