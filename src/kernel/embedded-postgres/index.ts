import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../clock.ts';
import { StartupError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { findBinaries } from './binaries.ts';
import type { Command } from './command.ts';
import { canonicalDataDirectory, DATABASE_NAME, ensureDataFolder } from './data-folder.ts';
import { describeExit, type LaunchedServer, launch, type ServerExit } from './launch.ts';
import { settlePredecessor } from './predecessor.ts';
import { chooseRunAs } from './run-as.ts';
import { LOG_LINE_PREFIX, namesPredecessor } from './server-log.ts';
import { shutDown } from './shut-down.ts';
import { makeSocketFolder, PORT } from './socket-folder.ts';
import { archiveSettings, prepareArchive, type WalArchive } from './wal-archive.ts';

export interface EmbeddedPostgres {
  /** For `pg`: the folder of the server's unix socket as host. There is no password: only this user can enter the folder. */
  readonly connection: { host: string; port: number; user: string; database: string };
  /** Resolves when the server stops by itself (crash, out of memory); stays pending when `stop` stopped it. */
  readonly exited: Promise<ServerExit>;
  /** Fast shutdown, then immediate, then SIGKILL, each with its time (shut-down.ts). Every call awaits the same stop. */
  stop(): Promise<void>;
}

interface EmbeddedPostgresOptions {
  /** The folder for PostgreSQL's own files; made when it is missing. */
  readonly dataDirectory: string;
  readonly log: Logger;
  /** PostgreSQL settings that go before ours, except where ours keep the server private and readable to us. */
  readonly settings?: Record<string, string>;
  readonly archive?: WalArchive | undefined;
}

/** How long the orphaned backends of a killed server may hold on to its shared memory. */
const PREDECESSOR_LIMIT_MS = 10_000;
const TRY_AGAIN_MS = 100;

/** For a machine of one or two cores that runs everything. What is not named here is PostgreSQL's default. */
const DEFAULT_SETTINGS = {
  fsync: 'on',
  shared_buffers: '128MB',
  max_connections: '100',
  wal_compression: 'on',
};

/**
 * Runs the PostgreSQL 18 of the npm package as a child process, creating its data on the first start; resolves when it
 * accepts connections. It ends with this process, even by kill -9 (on Linux; elsewhere the next start ends it).
 * The caller holds the lock of the data folder (data-folder-lock.ts) and calls from the main thread.
 * Throws an Error that a person can act on.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log } = options;
  const binaries = await findBinaries();
  const dataDirectory = await canonicalDataDirectory(options.dataDirectory);
  const { runAs, majorVersion } = await chooseRunAs(binaries, dataDirectory);
  await settlePredecessor(dataDirectory, log);
  await ensureDataFolder({ dataDirectory, binaries, runAs, majorVersion, log });

  const { archive } = options;
  if (archive !== undefined) await prepareArchive(archive, runAs.owner);
  const settings = { ...options.settings, ...(archive === undefined ? {} : archiveSettings(archive)) };
  const socketFolder = await makeSocketFolder(dataDirectory, runAs.owner);
  const removeSocketFolder = () => rm(socketFolder, { recursive: true, force: true });
  try {
    const serverArguments = ['-D', dataDirectory, ...settingArguments(socketFolder, settings)];
    const server = await launchWhenFree(runAs.command('QUIT', binaries.postgres, serverArguments), dataDirectory, log);
    log.info({ dataDirectory, socketFolder, runs: runAs.description }, 'the embedded PostgreSQL is ready');
    return supervise(server, socketFolder, removeSocketFolder, log);
  } catch (error) {
    await removeSocketFolder();
    throw error;
  }
}

function supervise(
  server: LaunchedServer,
  socketFolder: string,
  removeSocketFolder: () => Promise<void>,
  log: Logger,
): EmbeddedPostgres {
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await shutDown(server, log);
    await removeSocketFolder();
  };
  const exitedByItself = async () => {
    const exit = await server.exit;
    if (stopped !== undefined) return new Promise<never>(() => {});
    log.error(exit, `the embedded PostgreSQL stopped by itself, with ${describeExit(exit)}`);
    return exit;
  };
  return {
    connection: { host: socketFolder, port: PORT, user: DATABASE_NAME, database: DATABASE_NAME },
    exited: exitedByItself(),
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

/** Starts the server, again and again while it finds a dying predecessor's shared memory in use. */
async function launchWhenFree(command: Command, dataDirectory: string, log: Logger): Promise<LaunchedServer> {
  const deadlineMs = systemClock.monotonicMs() + PREDECESSOR_LIMIT_MS;
  for (;;) {
    const outcome = await launch(command, log);
    if (outcome.state === 'ready') return outcome.server;
    if (!namesPredecessor(outcome.lastLines) || systemClock.monotonicMs() > deadlineMs) {
      throw new StartupError(
        `The embedded PostgreSQL on ${dataDirectory} ${outcome.reason}. Its last lines:\n` +
          `${outcome.lastLines.map((line) => `  ${line}`).join('\n')}\n` +
          'Mend what they name and start again. If they tell of damaged data, keep a copy of the folder and restore a ' +
          'backup. To use a server of your own instead, set DATABASE_URL.',
      );
    }
    await sleep(TRY_AGAIN_MS);
  }
}

function settingArguments(socketFolder: string, settings: Record<string, string> = {}): string[] {
  const all = {
    ...DEFAULT_SETTINGS,
    ...settings,
    listen_addresses: '',
    port: String(PORT),
    // A list of folders; the quotes keep a comma in the path from ending one.
    unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`,
    unix_socket_permissions: '0700',
    // launch.ts and server-log.ts read standard error.
    log_destination: 'stderr',
    logging_collector: 'off',
    log_line_prefix: LOG_LINE_PREFIX,
    lc_messages: 'C',
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
