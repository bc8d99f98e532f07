import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import type { Settings } from '../../../src/kernel/settings.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import { s3Settings, startTestServer, type TestServer } from '../../support/test-server.ts';
import { type Child, startChild } from './child.ts';

export const DRIVERS = ['folder', 'minio', 'versitygw'] as const;
export type Driver = (typeof DRIVERS)[number];

export const REPO = 'apps';

/** How long what takes time takes here, all of it on the clock of the worker's rounds. */
const TIMES = { uploadTtlSeconds: 600, deletionDelaySeconds: 600, partUrlTtlSeconds: 60 } as const;

/** A database and a store, the server on them that gets killed, and a replica that nothing happens to, which looks on. */
export interface World extends AsyncDisposable {
  driver: Driver;
  witness: TestServer;
  /** A client of the server that gets killed, whichever process that is now. */
  client: TestServer;
  child(): Child;
  /** Starts another process where the server was. */
  restart(): Promise<void>;
}

export async function openWorld(driver: Driver, compileCache: string): Promise<World> {
  await using undo = new AsyncDisposableStack();
  const database = await createTestDatabase();
  undo.defer(() => database.drop());
  const dataDirectory = await mkdtemp(join(tmpdir(), 'artifortress-faults-'));
  undo.defer(() => rm(dataDirectory, { recursive: true, force: true }));
  const settings = { ...TIMES, ...storeSettings(driver) };
  const witness = await startTestServer({ settings, database, dataDirectory });
  undo.defer(() => witness.close());
  await witness.createRepository(REPO);

  const ofChild: Settings = { ...witness.running.services.settings, port: 0 };
  let child = await startChild(ofChild, compileCache);
  undo.defer(() => child.kill());
  const open = undo.move();
  return {
    driver,
    witness,
    client: {
      ...witness,
      request: (method, path, options) => witness.request(method, new URL(path, child.url).href, options),
    },
    child: () => child,
    async restart() {
      child = await startChild(ofChild, compileCache);
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

function storeSettings(driver: Driver): Partial<Settings> {
  if (driver === 'folder') return {};
  const servers = inject('s3Servers');
  if (servers === null) throw new Error(`${driver} is not running`);
  return s3Settings(servers[driver]);
}
