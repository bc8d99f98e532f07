import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/kernel/embedded-postgres/index.ts';
import { createLogger } from '../../src/kernel/log.ts';
import { addressOf, type TestDatabase } from './test-database.ts';

/** An empty database in a PostgreSQL of its own, for tests to which the transactions of other databases would matter. */
export async function startPrivateDatabase(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-private-'));
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(folder, 'postgres'),
    log: createLogger('error'),
    settings: { fsync: 'off', synchronous_commit: 'off' },
  });
  return {
    ...addressOf(postgres.connection),
    async drop() {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
