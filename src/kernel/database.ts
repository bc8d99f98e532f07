import { createHash } from 'node:crypto';
import {
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type RawBuilder,
} from 'kysely';
import { DatabaseError, Pool, type PoolClient, types as pgTypes, type QueryResultRow } from 'pg';
import { type DatabaseObserver, NO_OBSERVER, type PoolState } from './database-observer.ts';
import { AppError, assert } from './errors.ts';
import type { Logger } from './log.ts';
import { NO_TRACER, type Tracer } from './tracer.ts';

/** Runs one statement, written with kysely's `sql` tag: values are always parameters, never text. */
export interface Queryable {
  query<Row>(statement: RawBuilder<Row>): Promise<Row[]>;
}

export interface Database extends Queryable {
  /**
   * Runs `work` in one transaction (READ COMMITTED) and commits it. A deadlock or a serialization failure runs `work` again, at
   * most {@link TRANSACTION_ATTEMPTS} times, so `work` must do nothing but talk to `transaction`.
   * @throws AppError `service_unavailable` where the database is away. Where it went away with a COMMIT unanswered, the transaction
   * may be done or not: the caller reads the rows that tell, or lets its own caller ask again, which every route is built for.
   * (Asking for the transaction by its id would not do: after a crash PostgreSQL gives the ids of what it lost to others.)
   */
  transaction<Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result>;
  /** Waits for the running statements, then closes every connection. */
  close(): Promise<void>;
}

export interface PooledDatabase extends Database {
  poolState(): PoolState;
}

export type ConnectionTarget =
  | { connectionString: string }
  | { host: string; port: number; user: string; database: string };

const TRANSACTION_ATTEMPTS = 5;
const RETRY_BASE_MS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
const IDLE_CONNECTION_MS = 30_000;
const STATEMENT_TIMEOUT_MS = 30_000;
const LOCK_TIMEOUT_MS = 10_000;
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 30_000;
const UNAVAILABLE_RETRY_SECONDS = 2;

const SERIALIZATION_FAILURE = '40001';
const DEADLOCK_DETECTED = '40P01';
/**
 * Connection exceptions (08), a server that refuses the log-in (28) or lacks the database (3D), one that has become a standby
 * (25006), resources exhausted (53), operator intervention and time-outs (57), lock time-out (55P03).
 */
const UNAVAILABLE_STATES = /^(08|28|3D|25006|53|57|55P03)/;

/** Only to compile `sql` templates into text and parameters: statements run on our own pool. */
const compiler = new Kysely<never>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

const INT8_OID: number = pgTypes.builtins.INT8;

/** Byte counts and row ids are 64 bits wide in PostgreSQL and exact in JavaScript up to 2^53. */
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === INT8_OID && format !== 'binary') return parseInt8;
    // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the oids of the driver's own table, as numbers
    return pgTypes.getTypeParser(oid, format);
  },
};

function parseInt8(text: string): number {
  const value = Number(text);
  assert(Number.isSafeInteger(value), `the database holds an integer beyond 2^53: ${text}`);
  return value;
}

export interface DatabaseOptions {
  target: ConnectionTarget;
  poolSize: number;
  log: Logger;
  observer?: DatabaseObserver;
  tracer?: Tracer;
}

/** Opens a pool. No connection is made before the first statement. */
export function openDatabase(options: DatabaseOptions): PooledDatabase {
  const { target, poolSize, log, observer = NO_OBSERVER, tracer = NO_TRACER } = options;
  const pool = new Pool({
    ...target,
    types,
    max: poolSize,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: IDLE_CONNECTION_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    application_name: 'artifortress',
    // Statements that don't need each other's answers are sent together, in order, by `Promise.all`.
    pipeline: true,
  });
  // A connection that breaks tells so by an event, which would end the process if nobody listened. The pool listens only to those
  // that are idle; one in a transaction, between two statements, breaks just as well.
  pool.on('connect', (client) => {
    client.on('error', (error) => log.warn({ error: error.message }, 'a database connection broke'));
  });
  // The pool replaces the idle ones, and tells of them once more.
  pool.on('error', () => undefined);
  const statementName = statementNames();

  const run = async <Row>(client: Pool | PoolClient, statement: RawBuilder<Row>): Promise<Row[]> => {
    const { sql: text, parameters } = statement.compile(compiler);
    const query = { name: statementName(text), text, values: [...parameters] };
    const startedAt = performance.now();
    try {
      const spanned = { 'db.system.name': 'postgresql', 'db.query.text': text };
      const result = await tracer.span('statement', spanned, () => client.query<Row & QueryResultRow>(query));
      observer.statement('ok', performance.now() - startedAt);
      return result.rows;
    } catch (error) {
      observer.statement('failed', performance.now() - startedAt);
      throw error;
    }
  };

  /** Counts what the database itself failed with; what `work` throws of its own accord is none of that. */
  const noteFailure = (error: unknown): void => {
    if (isRetryable(error)) observer.error('conflict');
    else if (isUnavailable(error)) observer.error('unavailable');
    else if (error instanceof DatabaseError) observer.error('other');
  };

  const attempt = async <Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result> => {
    const startedAt = performance.now();
    const client = await pool.connect();
    let outcome: 'committed' | 'rolled_back' = 'rolled_back';
    let broken: Error | undefined;
    let over = false;
    // Of statements sent together, one may fail while `work` still goes on from the answer of another: what it asks for then must
    // not run behind the rollback, as a change of its own.
    const transaction: Queryable = {
      query: (statement) => (over ? Promise.reject(new Error('the transaction is over')) : run(client, statement)),
    };
    try {
      // Not awaited on its own: the first statement is on its way behind it (see `pipeline` above).
      const begun = client.query('begin');
      begun.catch(() => undefined);
      const result = await work(transaction);
      over = true;
      await begun;
      const { command } = await client.query('commit');
      // PostgreSQL answers ROLLBACK, and no error, where a statement had failed and its failure was passed over.
      assert(command === 'COMMIT', 'a transaction with a failed statement was to be committed');
      outcome = 'committed';
      return result;
    } catch (error) {
      over = true;
      await client.query('rollback').catch((rollbackError: Error) => {
        broken = rollbackError;
      });
      throw error;
    } finally {
      client.release(broken);
      observer.transaction(outcome, performance.now() - startedAt);
    }
  };

  return {
    query: (statement) =>
      run(pool, statement).catch((error: unknown) => {
        noteFailure(error);
        return rethrow(error);
      }),
    async transaction(work) {
      for (let tries = 1; ; tries += 1) {
        try {
          return await attempt(work);
        } catch (error) {
          noteFailure(error);
          if (tries >= TRANSACTION_ATTEMPTS || !isRetryable(error)) return rethrow(error);
          await new Promise((resolve) => setTimeout(resolve, RETRY_BASE_MS * 2 ** tries));
        }
      }
    },
    close: () => pool.end(),
    poolState: () => ({
      limit: poolSize,
      inUse: pool.totalCount - pool.idleCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount,
    }),
  };
}

/** Statements are prepared once a connection and named by their text: the set of texts in the code is small and fixed. */
function statementNames(): (text: string) => string {
  const names = new Map<string, string>();
  return (text) => {
    let name = names.get(text);
    if (name === undefined) {
      name = createHash('sha256').update(text).digest('base64url').slice(0, 22);
      names.set(text, name);
    }
    return name;
  };
}

function sqlStateOf(error: unknown): string | undefined {
  return error instanceof DatabaseError ? error.code : undefined;
}

function isRetryable(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state === SERIALIZATION_FAILURE || state === DEADLOCK_DETECTED;
}

function rethrow(error: unknown): never {
  if (isUnavailable(error)) {
    throw new AppError('service_unavailable', 'The database is away; retry as Retry-After says.', {
      retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS,
      cause: error,
    });
  }
  throw error;
}

function isUnavailable(error: unknown): boolean {
  if (error instanceof AppError || !(error instanceof Error)) return false;
  const state = sqlStateOf(error);
  if (state !== undefined) return UNAVAILABLE_STATES.test(state) || isRetryable(error);
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^(ECONN|EPIPE|ENOENT|ETIMEDOUT|EHOST|ENOTFOUND|EAI_)/.test(code) ||
    /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
      error.message,
    )
  );
}
