import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { inject } from 'vitest';
import { TEMPLATE_DATABASE } from './global-setup.ts';

export interface TestDatabase {
  target: { host: string; port: number; user: string; database: string };
  url: string;
  drop(): Promise<void>;
}

/** A database of one's own: migrated already, or, with `empty`, without a table. */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const { host, port, user } = inject('databaseServer');
  const database = `test_${randomBytes(8).toString('hex')}`;
  const template = options.empty === true ? 'template1' : TEMPLATE_DATABASE;
  await onServer(`create database ${database} template ${template}`);
  return {
    ...addressOf({ host, port, user, database }),
    drop: () => onServer(`drop database if exists ${database} with (force)`),
  };
}

export function addressOf(target: TestDatabase['target']): Pick<TestDatabase, 'target' | 'url'> {
  const { host, port, user, database } = target;
  return { target, url: `postgresql://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}` };
}

async function onServer(statement: string): Promise<void> {
  const client = new Client({ ...inject('databaseServer'), database: 'artifortress' });
  // A connection that breaks fails its query; the event beside it would fail the whole run.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
