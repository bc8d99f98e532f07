import { connectClient } from '../kernel/connect-client.ts';
import type { ConnectionTarget } from '../kernel/database.ts';

/** Where recovery ended. */
export interface RestoredTo {
  /** The last transaction that was replayed; null where the log held none. */
  lastTransactionAt: Date | null;
  timeline: number;
}

interface Row {
  last_transaction_at: Date | null;
  timeline: string;
}

/** Asks a server that has ended its recovery. */
export async function readRestoredTo(target: ConnectionTarget): Promise<RestoredTo> {
  const client = await connectClient(target, 'artifortress-restore');
  try {
    const {
      rows: [row],
    } = await client.query<Row>(`
      select pg_last_xact_replay_timestamp() as last_transaction_at, left(pg_walfile_name(pg_current_wal_lsn()), 8) as timeline`);
    if (row === undefined) throw new Error('a select without from gives one row');
    return { lastTransactionAt: row.last_transaction_at, timeline: Number.parseInt(row.timeline, 16) };
  } finally {
    await client.end();
  }
}
