import { Client } from 'pg';
import type { ConnectionTarget } from './database.ts';

/**
 * Opens one connection beside the pool, for what has to stay on it. Where it breaks, the statement that waits on it fails; the event that
 * tells of it once more would end the process unheard.
 */
export async function connectClient(target: ConnectionTarget, applicationName: string): Promise<Client> {
  const client = new Client({ ...target, application_name: applicationName });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
