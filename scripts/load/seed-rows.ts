import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/** What the rows share: one repository, and the object that all the blobs stand on, so that any of them can be downloaded. */
export interface SeedPlan {
  readonly rows: number;
  readonly repoId: string;
  readonly repoKey: string;
  readonly objectKey: string;
  readonly lengthBytes: number;
}

const HEX_DIGITS = 64;
/** The leading digits that say where among all the digest stands. */
const PLACE_DIGITS = 13;
const ROWS_A_CHUNK = 1_000;
/** A prime beyond any number of rows: multiplied with, it scatters neighbours over the whole, and meets each once. */
const SCATTER = 2_654_435_761n;
const FIRST_DAY_MS = Date.UTC(2025, 0, 1);
const SECOND_MS = 1000;
const DAY_MS = 86_400 * SECOND_MS;

/** The digest of the n-th blob of so many: evenly spread and in order, so that the largest table is written from one end to the other. */
export function seededDigest(n: number, rows: number): string {
  const place = Math.floor((n / rows) * 16 ** PLACE_DIGITS)
    .toString(16)
    .padStart(PLACE_DIGITS, '0');
  return (
    place +
    createHash('sha256')
      .update(String(n))
      .digest('hex')
      .slice(0, HEX_DIGITS - PLACE_DIGITS)
  );
}

/**
 * Writes blobs with what an installation has beside each: a reference, the session that brought it, a row of the audit trail. They
 * lie there as if they had come over the years: references, sessions and trail in another order than the digests'.
 */
export async function seedRows(client: Client, plan: SeedPlan, progress: (line: string) => void): Promise<void> {
  const { rows } = plan;
  // Superuser's leave to skip the look-up of the blob at each reference: the rows are made to fit.
  await client.query('set session_replication_role = replica');
  await client.query('set synchronous_commit = off');
  const tables = Object.keys(TABLES).map(nameOfTable);
  const indexes = await dropIndexes(client, tables);
  for (const [table, lineOf] of Object.entries(TABLES)) {
    progress(`  ${rows} rows of ${nameOfTable(table)}`);
    const lines = Readable.from(
      chunksOf(rows, (n) => lineOf(plan, n)),
      { objectMode: false },
    );
    await pipeline(lines, client.query(copyFrom(`copy ${table} from stdin`)));
  }
  progress(`  ${indexes.length} indexes`);
  await client.query("set maintenance_work_mem = '1GB'");
  for (const statement of indexes) await client.query(statement);
  await client.query('reset session_replication_role');
  await client.query(`vacuum (analyze) ${tables.join(', ')}`);
  await client.query('checkpoint');
}

/** Of a table with its columns, its name alone. */
function nameOfTable(table: string): string {
  return table.split(' ', 1).join();
}

/**
 * Drops the indexes of the tables, save those that foreign keys stand on: to sort all the rows once is many times faster than to look up the
 * place of each. @returns the statements that make them again, as they were.
 */
async function dropIndexes(client: Client, tables: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<{ drop: string; create: string }>(
    `
    select
      case when c.oid is null then format('drop index %s', i.indexrelid::regclass)
        else format('alter table %s drop constraint %I', i.indrelid::regclass, c.conname) end as drop,
      case when c.oid is null then pg_get_indexdef(i.indexrelid)
        else format('alter table %s add constraint %I %s', i.indrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) end as create
    from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x')
    where i.indrelid = any($1::regclass[])
      and not exists (select from pg_constraint f where f.contype = 'f' and f.conindid = i.indexrelid)
    order by i.indexrelid`,
    [tables],
  );
  for (const { drop } of rows) await client.query(drop);
  return rows.map(({ create }) => create);
}

/** What COPY takes: the columns of a row, with tabs between them and \N for null (PostgreSQL, COPY, text format). */
const TABLES: Readonly<Record<string, (plan: SeedPlan, n: number) => string>> = {
  'blobs (tenant_id, digest, length_bytes, state, object_key, created_at)': (plan, n) =>
    `default\t${seededDigest(n, plan.rows)}\t${plan.lengthBytes}\tlive\t${plan.objectKey}\t${timeOf(n)}\n`,
  'blob_references (tenant_id, repo_id, digest, length_bytes, created_at, created_by, upload_id, proof)': (plan, n) =>
    `default\t${plan.repoId}\t${scatteredDigest(plan, n)}\t${plan.lengthBytes}\t${timeOf(n)}\tseed\t${uploadIdOf(n)}\tstreamed\n`,
  [`upload_sessions (upload_id, tenant_id, repo_id, state, expected_digest, expected_length_bytes, single_request, created_at,
    created_by, expires_at, updated_at, object_key, completed_at, object_length_bytes, object_digest, blob_digest, ended_at)`]:
    (plan, n) => {
      const digest = scatteredDigest(plan, n);
      const { repoId, lengthBytes, objectKey } = plan;
      const at = timeOf(n);
      const expiry = timeOf(n, DAY_MS);
      return `${uploadIdOf(n)}\tdefault\t${repoId}\tcommitted\t${digest}\t${lengthBytes}\tt\t${at}\tseed\t${expiry}\t${at}\t${objectKey}\t${at}\t${lengthBytes}\t${digest}\t${digest}\t${at}\n`;
    },
  'audit_events (tenant_id, actor, action, resource_type, resource_id, repo_key, occurred_at, details, batch_number)': (
    plan,
    n,
  ) =>
    `default\tseed\tupload.committed\tupload_session\t${uploadIdOf(n)}\t${plan.repoKey}\t${timeOf(n)}\t{"digest":"${scatteredDigest(plan, n)}"}\t0\n`,
};

function* chunksOf(rows: number, lineOf: (n: number) => string): Generator<Buffer> {
  for (let start = 0; start < rows; start += ROWS_A_CHUNK) {
    let text = '';
    for (let n = start; n < Math.min(rows, start + ROWS_A_CHUNK); n++) text += lineOf(n);
    yield Buffer.from(text);
  }
}

function scatteredDigest({ rows }: SeedPlan, n: number): string {
  return seededDigest(Number((BigInt(n) * SCATTER) % BigInt(rows)), rows);
}

function timeOf(n: number, afterMs = 0): string {
  return new Date(FIRST_DAY_MS + n * SECOND_MS + afterMs).toISOString();
}

/** A UUID of version 7 (RFC 9562 §5.7), as the product's own: they sort by time. */
function uploadIdOf(n: number): string {
  const time = (FIRST_DAY_MS + n * SECOND_MS).toString(16).padStart(12, '0');
  const rest = createHash('sha256').update(`upload ${n}`).digest('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-8${rest.slice(3, 6)}-${rest.slice(6, 18)}`;
}
