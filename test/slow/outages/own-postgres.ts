import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../../src/kernel/embedded-postgres/index.ts';
import { createLogger } from '../../../src/kernel/log.ts';
import { makeFolder, postmasterPid, query } from '../../support/server-processes.ts';
import type { TestDatabase } from '../../support/test-database.ts';

/** A PostgreSQL of a test's own, with the product's settings, to be taken down as it likes. */
export interface OwnPostgres {
  database: TestDatabase;
  /** `pg_ctl stop -m immediate`: every process quits at once, nothing is rolled back or written down (PostgreSQL, "Shutting Down"). */
  stopImmediately(): Promise<void>;
  /** On the same folder and address; replays its log first. */
  startAgain(): Promise<void>;
  /** Kills a process that serves a connection, as the kernel does when memory runs out: PostgreSQL then restarts itself. */
  killBackend(): Promise<void>;
  close(): Promise<void>;
}

export async function startOwnPostgres(): Promise<OwnPostgres> {
  const folder = await makeFolder();
  const dataDirectory = join(folder, 'postgres');
  const start = () => startEmbeddedPostgres({ dataDirectory, log: createLogger('silent') });
  let postgres = await start();
  const target = postgres.connection;
  return {
    database: {
      target,
      url: `postgresql://${target.user}@localhost/${target.database}?host=${encodeURIComponent(target.host)}&port=${target.port}`,
      drop: async () => undefined,
    },
    async stopImmediately() {
      process.kill(await postmasterPid(dataDirectory), 'SIGQUIT');
      await postgres.exited;
    },
    async startAgain() {
      postgres = await start();
      if (postgres.connection.host !== target.host) throw new Error('PostgreSQL came back under another address');
    },
    async killBackend() {
      const [pid] = await query(
        target,
        "select pid from pg_stat_activity where application_name = 'artifortress' order by backend_start limit 1",
      );
      process.kill(Number(pid), 'SIGKILL');
    },
    async close() {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}
