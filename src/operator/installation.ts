import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../kernel/clock.ts';
import { lockDataFolder } from '../kernel/data-folder-lock.ts';
import { type ConnectionTarget, openDatabase } from '../kernel/database.ts';
import { startEmbeddedPostgres } from '../kernel/embedded-postgres/index.ts';
import { findRunningPostgres } from '../kernel/embedded-postgres/running.ts';
import { walArchiveOf } from '../kernel/embedded-postgres/wal-archive.ts';
import { StartupError } from '../kernel/errors.ts';
import { createIds } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import type { Settings } from '../kernel/settings.ts';
import { openStore } from '../objects/open-store.ts';
import type { Services } from '../services.ts';
import { createHashPool } from '../uploads/hash-pool.ts';
import type { ReadBack } from './fsck-report.ts';

/** The database and the store of an installation, whether or not its server is running. */
export interface Installation extends AsyncDisposable {
  services: Pick<Services, 'db' | 'objects' | 'clock' | 'ids' | 'log' | 'settings'>;
  /** Reads an object whole, in a thread of its own. */
  readBack: ReadBack;
}

/** Few: an operator's command must not take a running server's connections away. */
const POOL_SIZE = 4;

/** @throws StartupError where there is no installation, or it can't be reached. */
export async function openInstallation(settings: Settings, log: Logger, command: string): Promise<Installation> {
  await using undo = new AsyncDisposableStack();
  const target = await reachDatabase(settings, log, command, undo);
  const db = openDatabase({ target, poolSize: POOL_SIZE, log });
  undo.defer(() => db.close());
  const ids = createIds(systemClock);
  const publicUrl = () => settings.publicUrl ?? '';
  const opened = await openStore({ settings, clock: systemClock, ids, log, publicUrl });
  undo.defer(() => opened.close());
  const pool = createHashPool(opened.location, {
    threads: settings.verificationConcurrency,
    waiting: settings.maximumVerificationsWaiting,
  });
  undo.defer(() => pool.close());
  const open = undo.move();
  return {
    services: { db, objects: opened.store, clock: systemClock, ids, log, settings },
    readBack: (object) => pool.hash(object, () => {}),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** The database of the settings; else the embedded one: that of the running server, or one of our own for as long as we run. */
export async function reachDatabase(
  settings: Settings,
  log: Logger,
  command: string,
  undo: AsyncDisposableStack,
): Promise<ConnectionTarget> {
  if (settings.databaseUrl !== undefined) return { connectionString: settings.databaseUrl };
  const dataDirectory = join(settings.dataDirectory, 'postgres');
  if (!existsSync(dataDirectory)) {
    throw new StartupError(
      `There is no installation in ${settings.dataDirectory}: set ARTIFORTRESS_DATA_DIR or DATABASE_URL as for the server.`,
    );
  }
  const lock = await lockDataFolder(settings.dataDirectory, `artifortress ${command}`).catch((error: unknown) => {
    if (error instanceof StartupError) return undefined;
    throw error;
  });
  if (lock !== undefined) {
    undo.defer(() => lock.release());
    const postgres = await startEmbeddedPostgres({ dataDirectory, log, archive: walArchiveOf(settings) });
    undo.defer(() => postgres.stop());
    return postgres.connection;
  }
  const running = await findRunningPostgres(dataDirectory);
  if (running !== undefined) return running;
  throw new StartupError(
    `The data folder ${settings.dataDirectory} is in use, but no PostgreSQL runs in it yet: try again in a moment.`,
  );
}
