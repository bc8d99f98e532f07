import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/kernel/embedded-postgres/index.ts';
import { createLogger } from '../../src/kernel/log.ts';
import {
  canChroot,
  inChroot,
  isAlive,
  kill,
  makeFolder,
  postmasterPid,
  query,
  serverPids,
} from '../support/server-processes.ts';

const SCRIPT = fileURLToPath(new URL('../support/start-embedded-postgres.ts', import.meta.url));
const log = createLogger('silent');
const onLinux = test.runIf(process.platform === 'linux');
const inTheChroot = test.runIf(await canChroot());

let folder: string;
let dataDirectory: string;
let servers: EmbeddedPostgres[];
let processes: ChildProcess[];

beforeEach(async () => {
  folder = await makeFolder();
  dataDirectory = join(folder, 'postgres');
  servers = [];
  processes = [];
});

afterEach(async () => {
  for (const child of processes) child.kill('SIGKILL');
  for (const server of servers) await server.stop();
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
});

async function start(settings: Record<string, string> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDirectory, log, settings });
  servers.push(server);
  return server;
}

/** A server with a parent process of its own, to be killed; `wrapper` is put before the parent's command line. */
async function startInProcess(
  ...wrapper: string[]
): Promise<{ parent: ChildProcess; connection: EmbeddedPostgres['connection'] }> {
  const [program, ...args] = [...wrapper, process.execPath, SCRIPT, dataDirectory];
  const parent = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  processes.push(parent);
  const [line] = await once(createInterface({ input: parent.stdout }), 'line');
  return { parent, connection: JSON.parse(String(line)) };
}

test('a first start makes a durable UTF-8 database with checksums that only its own user can reach', async () => {
  const { connection } = await start();
  const settings = ['server_encoding', 'data_checksums', 'fsync', 'full_page_writes', 'listen_addresses'];
  const values = await Promise.all(settings.map(async (name) => (await query(connection, `show ${name}`))[0]));
  expect(values).toEqual(['UTF8', 'on', 'on', 'on', '']);
  expect(await query(connection, 'select current_database()')).toEqual(['artifortress']);
  expect((await stat(connection.host)).mode & 0o777).toBe(0o700);
});

test('what was committed is there after a stop and a start', async () => {
  const first = await start();
  await query(first.connection, 'create table kept as select 42 as answer');
  await first.stop();

  const second = await start();
  expect(await query(second.connection, 'select answer from kept')).toEqual([42]);
});

test('a stop ends open connections, may be asked for twice, and leaves no socket folder and no process', async () => {
  const server = await start();
  const pids = await serverPids(dataDirectory, server.connection);
  const open = new Client(server.connection);
  const ended = new Promise((resolve) => open.once('end', resolve));
  open.on('error', () => {});
  await open.connect();

  await Promise.all([server.stop(), server.stop()]);

  await ended;
  expect(pids.filter(isAlive)).toEqual([]);
  expect(await readdir(folder)).toEqual(['postgres']);
});

test('a server that is killed says so', async () => {
  const server = await start();
  process.kill(await postmasterPid(dataDirectory), 'SIGKILL');
  expect(await server.exited).toEqual({ code: null, signal: 'SIGKILL' });
});

onLinux('kill -9 of the parent leaves no process of the server, and the next start has every commit', async () => {
  const { parent, connection } = await startInProcess();
  await query(connection, 'create table kept as select 42 as answer');
  const pids = await serverPids(dataDirectory, connection);
  expect(pids.length).toBeGreaterThan(4);

  await kill(parent);
  // At once: the next start finds the server while it is dying.
  const next = await start();

  expect(pids.filter(isAlive)).toEqual([]);
  expect(await query(next.connection, 'select answer from kept')).toEqual([42]);
});

test('a Ctrl-C at the terminal of the parent does not reach the server', async () => {
  const { parent, connection } = await startInProcess();

  // What a terminal does: the signal goes to the whole foreground process group.
  process.kill(-(parent.pid ?? 0), 'SIGINT');

  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await query(connection, 'select 42')).toEqual([42]);
  await kill(parent);
  await (await start()).stop();
});

test('a server that a killed parent left running is stopped by the next start', async () => {
  const left = await start();
  const next = await start();
  expect(await left.exited).toEqual({ code: 0, signal: null });
  expect(await query(next.connection, 'select 42')).toEqual([42]);
});

test('a stale postmaster.pid with the pid of some other process does not stop the start', async () => {
  const killed = await start();
  const pidFile = join(dataDirectory, 'postmaster.pid');
  const stale = await readFile(pidFile, 'utf8');
  process.kill(await postmasterPid(dataDirectory), 'SIGKILL');
  await killed.exited;
  const other = spawn('sleep', ['60']);
  processes.push(other);
  await writeFile(pidFile, stale.replace(/^\d+/, String(other.pid)));

  const next = await start();

  expect(await query(next.connection, 'select 42')).toEqual([42]);
  expect(isAlive(other.pid ?? 0)).toBe(true);
});

test('a backend that outlives its killed server holds the next start up until it is gone', async () => {
  const killed = await start();
  const open = new Client(killed.connection);
  open.on('error', () => {});
  await open.connect();
  const { rows } = await open.query<{ pid: number }>('select pg_backend_pid() as pid');
  const backend = rows[0]?.pid ?? 0;
  process.kill(backend, 'SIGSTOP');
  process.kill(await postmasterPid(dataDirectory), 'SIGKILL');
  await killed.exited;

  let ready = false;
  const next = start().finally(() => {
    ready = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(ready).toBe(false);
  process.kill(backend, 'SIGCONT');

  expect(await query((await next).connection, 'select 42')).toEqual([42]);
});

test('a start that is killed while it creates the database leaves nothing half-made', async () => {
  const parent = spawn(process.execPath, [SCRIPT, dataDirectory], { stdio: 'ignore' });
  processes.push(parent);
  const unfinished = async () => (await readdir(folder)).filter((name) => name.startsWith('postgres.new-'));
  await vi.waitFor(async () => {
    const [name = 'not yet there'] = await unfinished();
    await stat(join(folder, name, 'global'));
  });
  await kill(parent);
  expect(await readdir(folder)).not.toContain('postgres');

  const { connection } = await start();

  expect(await query(connection, 'select 42')).toEqual([42]);
  expect(await unfinished()).toEqual([]);
});

test('a folder of another major version is refused with the remedy, and left as it is', async () => {
  await mkdir(dataDirectory);
  await writeFile(join(dataDirectory, 'PG_VERSION'), '17\n');
  await expect(start()).rejects.toThrow(/is of PostgreSQL 17, .* embeds PostgreSQL 18, .*pg_dump.*another data folder/);
  expect(await readdir(folder)).toEqual(['postgres']);
  expect(await readdir(dataDirectory)).toEqual(['PG_VERSION']);
});

test("a folder of somebody else's files is refused and left as it is", async () => {
  await mkdir(dataDirectory);
  await writeFile(join(dataDirectory, 'thesis.tex'), 'ten years of work');
  await expect(start()).rejects.toThrow(`${dataDirectory} holds files but no PostgreSQL data`);
  expect(await readdir(dataDirectory)).toEqual(['thesis.tex']);
});

test('a server that cannot start tells its last words and what to do', async () => {
  const attempt = start({ shared_buffers: 'plenty' });
  await expect(attempt).rejects.toThrow(/exit code 1.*invalid value for parameter "shared_buffers".*DATABASE_URL/s);
  expect(await readdir(folder)).toEqual(['postgres']);
});

test('a data folder with a path too long for a socket, with a comma and a quote in it, works', async () => {
  dataDirectory = join(folder, `comma, quote" ${'d'.repeat(100)}`, 'postgres');
  const ours = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('artifortress-postgres-'));
  const before = await ours();
  const server = await start();

  expect(await query(server.connection, 'select 42')).toEqual([42]);
  await server.stop();
  expect(await ours()).toEqual(before);
});

inTheChroot('where root is refused a user namespace, the server runs as nobody and dies with its parent', async () => {
  const root = join(folder, 'root');
  await mkdir(root);
  const { parent, connection } = await startInProcess(...inChroot(root));
  await query(connection, 'create table kept as select 42 as answer');
  const pids = await serverPids(dataDirectory, connection);
  expect((await stat(`/proc/${pids[0]}`)).uid).toBe(65534);
  expect((await stat(dataDirectory)).uid).toBe(65534);

  await kill(parent);
  const next = await start();

  expect(pids.filter(isAlive)).toEqual([]);
  expect(await query(next.connection, 'select answer from kept')).toEqual([42]);
});
