import { Client } from 'pg';

/** A connection whose transactions the test steps through. */
export interface SteppedConnection {
  begin(): Promise<void>;
  commit(): Promise<void>;
  /** A row of the trail about `resourceId`. */
  writeRow(resourceId: string): Promise<void>;
  end(): Promise<void>;
}

export async function connectTo(url: string): Promise<SteppedConnection> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return {
    async begin() {
      await client.query('begin');
      // A transaction is numbered when it first writes, or is asked.
      await client.query('select pg_current_xact_id()');
    },
    async commit() {
      await client.query('commit');
    },
    async writeRow(resourceId) {
      await client.query(
        `insert into audit_events (tenant_id, actor, action, resource_type, resource_id, occurred_at, details)
        select tenant_id, 'alice', 'repo.created', 'repository', $1, now(), '{}'
        from audit_events limit 1`,
        [resourceId],
      );
    },
    end: () => client.end(),
  };
}
