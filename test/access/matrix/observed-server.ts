import { createHash } from 'node:crypto';
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from 'kysely';
import type { Database, Queryable } from '../../../src/kernel/database.ts';
import { createLogger } from '../../../src/kernel/log.ts';
import { startServer } from '../../../src/main.ts';
import type { ObjectStore } from '../../../src/objects/object-store.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../../support/test-server.ts';

/** A server that is watched: what it asks of its database and its store, and what it logs. */
export interface ObservedServer extends TestServer {
  /** The statements, without their values, and the calls of the store, since this was last asked; in order. */
  takeCalls(): string[];
  /** Every line that was logged, of any level. */
  logLines: readonly string[];
}

/** Starts a replica of a test server with a watch at every seam. */
export async function startObservedServer(options: Pick<TestServerOptions, 'settings'> = {}): Promise<ObservedServer> {
  // What works by the clock, such as the last uses of tokens, would get in between the calls of a request.
  const server = await startTestServer({ settings: { workerIntervalSeconds: 3600, ...options.settings } });
  const logLines: string[] = [];
  let calls: string[] = [];
  const note = (call: string) => void calls.push(call);
  const running = await startServer({
    settings: server.running.services.settings,
    clock: server.clock,
    log: createLogger('trace', { write: (line) => void logLines.push(line) }),
    seams: { database: (database) => watchDatabase(database, note), objects: (store) => watchStore(store, note) },
  });
  return {
    ...server,
    running,
    url: running.url,
    logLines,
    request: (method, path, request) => server.request(method, new URL(path, running.url).href, request),
    takeCalls() {
      const taken = calls;
      calls = [];
      return taken;
    },
    async close() {
      await running.stop();
      await server.close();
    },
  };
}

/** Only to compile statements into text. */
const compiler = new Kysely<never>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

/** The beginning of a statement, and what tells it from all others. */
function abbreviated(text: string): string {
  const hash = createHash('sha256').update(text).digest('hex');
  return `${text.replaceAll(/\s+/g, ' ').trim().slice(0, 60)}… (${hash.slice(0, 12)})`;
}

function watchDatabase(database: Database, note: (call: string) => void): Database {
  const watched = (target: Queryable): Queryable => ({
    query(statement) {
      note(abbreviated(statement.compile(compiler).sql));
      return target.query(statement);
    },
  });
  return {
    ...watched(database),
    async transaction(work) {
      note('begin');
      try {
        const result = await database.transaction((transaction) => work(watched(transaction)));
        note('commit');
        return result;
      } catch (error) {
        note('rollback');
        throw error;
      }
    },
    close: () => database.close(),
  };
}

function watchStore(store: ObjectStore, note: (call: string) => void): ObjectStore {
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        note(`store: ${String(name)}`);
        return Reflect.apply(value, target, args);
      };
    },
  });
}
