import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/kernel/migrate.ts';
import { keepSuiteLog } from './suite-log.ts';
import { startTestPostgres } from './test-postgres.ts';

export interface TestDatabaseServer {
  host: string;
  port: number;
  user: string;
}

declare module 'vitest' {
  interface ProvidedContext {
    databaseServer: TestDatabaseServer;
  }
}

/** The database that each test server's own is copied from. */
export const TEMPLATE_DATABASE = 'template_artifortress';

/** One real PostgreSQL for all test files; each server under test gets a database of its own. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startTestPostgres({ max_connections: '300' });
  const { host, port, user, database } = postgres.connection;
  const client = new Client({ host, port, user, database });
  await client.connect();
  await client.query(`create database ${TEMPLATE_DATABASE}`);
  await client.end();
  await migrate({ host, port, user, database: TEMPLATE_DATABASE });
  project.provide('databaseServer', { host, port, user });
  const searchLog = await keepSuiteLog(project);
  return async () => {
    await postgres.stop();
    await searchLog();
  };
}
