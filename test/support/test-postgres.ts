import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/kernel/embedded-postgres/index.ts';
import { createLogger } from '../../src/kernel/log.ts';

/** A PostgreSQL in a folder of its own, which goes with it. */
export async function startTestPostgres(settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-test-'));
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(folder, 'postgres'),
    log: createLogger('error'),
    // What tests keep is thrown away: only the tests of durability itself need the disk, and they start their own.
    settings: { fsync: 'off', synchronous_commit: 'off', ...settings },
  });
  return {
    ...postgres,
    async stop() {
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
