import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/kernel/embedded-postgres/index.ts';
import { createLogger } from '../../src/kernel/log.ts';

const MEMORY_FOLDER = '/dev/shm';
/** Far more than the databases of one run take at the same time. */
const ENOUGH_BYTES = 4 * 1024 ** 3;

/** A folder in memory where there is plenty of it: most of what a test database costs is the making and removing of its files. */
async function folderForFiles(): Promise<string> {
  const found = await statfs(MEMORY_FOLDER).catch(() => undefined);
  return found !== undefined && found.bavail * found.bsize >= ENOUGH_BYTES ? MEMORY_FOLDER : tmpdir();
}

/** A PostgreSQL in a folder of its own, which goes with it. */
export async function startTestPostgres(settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const folder = await mkdtemp(join(await folderForFiles(), 'artifortress-test-'));
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(folder, 'postgres'),
    log: createLogger('error'),
    // What tests keep is thrown away: only the tests of durability itself need the disk, and they start their own.
    settings: { fsync: 'off', synchronous_commit: 'off', max_wal_size: '256MB', ...settings },
  });
  return {
    ...postgres,
    async stop() {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
