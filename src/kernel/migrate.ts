import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { connectClient } from './connect-client.ts';
import type { ConnectionTarget } from './database.ts';
import { messageOf, StartupError } from './errors.ts';

/** The folder of the product's own migrations, beside `src/` and beside `dist/`. */
const MIGRATIONS_DIRECTORY = join(import.meta.dirname, '..', '..', 'db', 'migrations');

const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;

/** Any constant of our own: racing starts queue on it ("ARTIFORT" in ASCII). */
const ADVISORY_LOCK_KEY = '4706351246894617172';

interface Migration {
  version: number;
  file: string;
  text: string;
  checksum: string;
}

interface AppliedMigration {
  version: number;
  file: string;
  checksum: string;
}

/**
 * Brings the schema up to date: applies, in order, each file that was not yet applied, each in its own transaction. Racing
 * starts wait for each other on an advisory lock. Files are forward-only and must never change once applied.
 * @returns the names of the files that were applied now.
 * @throws StartupError if an applied file was changed or is missing, or a file fails.
 */
export async function migrate(target: ConnectionTarget, directory = MIGRATIONS_DIRECTORY): Promise<string[]> {
  const migrations = await readMigrations(directory);
  const client = await connectClient(target, 'artifortress-migrate').catch((cause: unknown) => {
    throw new StartupError(
      `The database can't be reached: ${messageOf(cause)}. Check DATABASE_URL, that the server runs, and that it lets this user in.`,
      { cause },
    );
  });
  try {
    await client.query('select pg_advisory_lock($1)', [ADVISORY_LOCK_KEY]);
    await client.query(`
      create table if not exists schema_migrations (
        version integer primary key,
        file text not null,
        checksum text not null,
        applied_at timestamptz not null default now()
      )`);
    const applied = await client.query<AppliedMigration>(
      'select version, file, checksum from schema_migrations order by version',
    );
    holdAgainst(migrations, applied.rows);
    const known = new Set(applied.rows.map((row) => row.version));
    const pending = migrations.filter((migration) => !known.has(migration.version));
    refuseLateComers(pending, applied.rows.at(-1));
    for (const migration of pending) await apply(client, migration);
    return pending.map((migration) => migration.file);
  } finally {
    // Ends the session, and with it the advisory lock, even where the server is already gone.
    await client.end();
  }
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const migrations: Migration[] = [];
  for (const file of (await readdir(directory)).sort()) {
    const version = FILE_NAME.exec(file)?.[1];
    if (version === undefined) {
      throw new StartupError(`"${file}" in ${directory} is no migration: name it NNNN_name.sql, or move it away.`);
    }
    const text = await readFile(join(directory, file), 'utf8');
    migrations.push({
      version: Number(version),
      file,
      text,
      checksum: createHash('sha256').update(text).digest('hex'),
    });
  }
  return migrations;
}

function holdAgainst(migrations: readonly Migration[], applied: readonly AppliedMigration[]): void {
  for (const row of applied) {
    const migration = migrations.find((candidate) => candidate.version === row.version);
    if (migration === undefined) {
      throw new StartupError(
        `The database has migration ${row.file}, which this version does not know: it is newer than this program. Start that newer version.`,
      );
    }
    if (migration.checksum !== row.checksum || migration.file !== row.file) {
      throw new StartupError(
        `The migration ${migration.file} was changed after it had been applied as ${row.file}. Restore its text; put the change in a new file.`,
      );
    }
  }
}

/** What was applied has been written against the schema as it was then: nothing can be slipped in before it. */
function refuseLateComers(pending: readonly Migration[], newest: AppliedMigration | undefined): void {
  const late = pending.find((migration) => newest !== undefined && migration.version < newest.version);
  if (late === undefined) return;
  throw new StartupError(
    `The migration ${late.file} is numbered before ${newest?.file ?? ''}, which is applied already: give it the next number.`,
  );
}

async function apply(client: Client, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.text);
    await client.query('insert into schema_migrations (version, file, checksum) values ($1, $2, $3)', [
      migration.version,
      migration.file,
      migration.checksum,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new StartupError(`The migration ${migration.file} failed and was rolled back: ${messageOf(error)}`);
  }
}
