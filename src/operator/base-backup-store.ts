import { connectClient } from '../kernel/connect-client.ts';
import type { ConnectionTarget } from '../kernel/database.ts';

/** An online backup of the files of a database cluster (PostgreSQL, "Making a Base Backup Using the Low Level API"). */
export interface BaseBackup extends AsyncDisposable {
  systemIdentifier: string;
  startLsn: string;
  firstSegment: string;
  /** Ends it. The label belongs beside the copied files; the log up to the last segment, too. */
  finish(): Promise<{ label: string; stopLsn: string; lastSegment: string }>;
}

interface Started {
  system_identifier: string;
  lsn: string;
  segment: string;
}

interface Stopped {
  lsn: string;
  labelfile: string;
  segment: string;
}

/**
 * Starts one. It lives with its connection, as does the slot that keeps the log it needs: where this process dies, PostgreSQL forgets
 * both. The disk is asked for a checkpoint at once.
 */
export async function startBaseBackup(target: ConnectionTarget): Promise<BaseBackup> {
  const client = await connectClient(target, 'artifortress-backup');
  try {
    const slot = `artifortress_backup_${process.pid}`;
    await client.query(
      'select pg_create_physical_replication_slot($1, immediately_reserve => true, temporary => true)',
      [slot],
    );
    const {
      rows: [started],
    } = await client.query<Started>(`
      with started as materialized (select pg_backup_start('artifortress', fast => true) as lsn)
      select lsn::text as lsn, pg_walfile_name(lsn) as segment,
        (select system_identifier::text from pg_control_system()) as system_identifier
      from started`);
    if (started === undefined) throw new Error('pg_backup_start gave no row');
    return {
      systemIdentifier: started.system_identifier,
      startLsn: started.lsn,
      firstSegment: started.segment,
      async finish() {
        const {
          rows: [stopped],
        } = await client.query<Stopped>(`
          with stopped as materialized (select * from pg_backup_stop(wait_for_archive => false))
          select lsn::text as lsn, labelfile, pg_walfile_name(lsn) as segment from stopped`);
        if (stopped === undefined) throw new Error('pg_backup_stop gave no row');
        return { label: stopped.labelfile, stopLsn: stopped.lsn, lastSegment: stopped.segment };
      },
      [Symbol.asyncDispose]: () => client.end(),
    };
  } catch (error) {
    await client.end();
    throw error;
  }
}
