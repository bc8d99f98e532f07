import { addressOf, type TestDatabase } from './test-database.ts';
import { startTestPostgres } from './test-postgres.ts';

/** An empty database in a PostgreSQL of its own, for tests to which the transactions of other databases would matter. */
export async function startPrivateDatabase(): Promise<TestDatabase> {
  const postgres = await startTestPostgres();
  return { ...addressOf(postgres.connection), drop: () => postgres.stop() };
}
