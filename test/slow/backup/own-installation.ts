import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '../../../src/kernel/log.ts';
import type { Settings } from '../../../src/kernel/settings.ts';
import { fsck } from '../../../src/operator/fsck.ts';
import type { FsckReport } from '../../../src/operator/fsck-report.ts';
import { openInstallation } from '../../../src/operator/installation.ts';
import { postmasterPid, query } from '../../support/server-processes.ts';
import type { TestClock } from '../../support/test-clock.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';

/** An installation with the embedded database, all of it under one folder, whose log is archived. */
export interface OwnInstallation extends AsyncDisposable {
  folder: string;
  walArchive: string;
  /** Those of the server that was started last. */
  readonly settings: Settings;
  start(clock?: TestClock): Promise<TestServer>;
  sql(statement: string): Promise<unknown[]>;
  /** Everything that is in the log now is in the archive. */
  archived(): Promise<void>;
  /** Takes the database away as a failing disk does: in the middle of everything, and for ever. */
  destroyDatabase(): Promise<void>;
  fsck(options: { repair: boolean }): Promise<FsckReport>;
}

const LOOK_EVERY_MS = 100;

export async function makeInstallation(others: Partial<Settings>): Promise<OwnInstallation> {
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-backup-'));
  const dataDirectory = join(folder, 'data');
  const walArchive = join(folder, 'wal');
  const postgres = join(dataDirectory, 'postgres');
  let server: TestServer | undefined;
  const current = (): TestServer => {
    if (server === undefined) throw new Error('no server was started');
    return server;
  };
  const connection = {
    host: join(dataDirectory, 'postgres-socket'),
    port: 5432,
    user: 'artifortress',
    database: 'artifortress',
  };
  const sql = (statement: string) => query(connection, statement);

  return {
    folder,
    walArchive,
    get settings() {
      return current().running.services.settings;
    },
    async start(clock) {
      server = await startTestServer({
        ...(clock === undefined ? {} : { clock }),
        dataDirectory,
        // None: the embedded one.
        database: { target: connection, url: '', drop: async () => undefined },
        settings: { ...others, databaseUrl: undefined, walArchiveDirectory: walArchive },
      });
      return server;
    },
    sql,
    async archived() {
      const [segment] = await sql('select pg_walfile_name(pg_switch_wal())');
      for (;;) {
        const [done] = await sql(`select last_archived_wal >= '${String(segment)}' from pg_stat_archiver`);
        if (done === true) return;
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    },
    async destroyDatabase() {
      process.kill(await postmasterPid(postgres), 'SIGQUIT');
      await current().running.failed;
      await current().close();
      await rm(postgres, { recursive: true });
    },
    async fsck({ repair }) {
      await using installation = await openInstallation(
        current().running.services.settings,
        createLogger('silent'),
        'fsck',
      );
      return await fsck(installation.services, installation.readBack, { repair, readShare: 1, graceMs: 0 });
    },
    async [Symbol.asyncDispose]() {
      await server?.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}
