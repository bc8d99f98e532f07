import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { freePort, tryPort } from '../bench/loopback.ts';
import { outputOf } from '../bench/programs.ts';
import { ensureBuilt, type S3ServerName } from '../go-programs.ts';

export interface S3Connection {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A real S3 server on loopback, without buckets at first. */
export interface S3Server extends S3Connection {
  readonly name: S3ServerName;
  /** The buckets lie in its folder `objects`. */
  readonly dataDirectory: string;
  readonly pid: number;
  /** Settles when the process has ended, for whatever reason. */
  readonly ended: Promise<void>;
  /** Ends it in order, by force after some seconds, and removes a temporary folder. Harmless when it has ended. */
  stop(): Promise<void>;
  /** From now on it keeps its connections, takes new ones, and answers none. */
  pause(): void;
  resume(): void;
  /** Ends it as a crash would. What it has kept stays until `stop`. */
  kill(): Promise<void>;
}

export interface StartOptions {
  /** On loopback; a free one if absent. */
  readonly port?: number;
  /** A folder that stays, for a later start to go on with; a temporary one if absent. */
  readonly dataDirectory?: string;
}

interface Place extends S3Connection {
  readonly address: string;
  readonly objectsFolder: string;
  readonly dataDirectory: string;
}

interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

type RunningServer = Pick<S3Server, 'pid' | 'ended'> & { readonly child: ChildProcess };

const FIXED_CONNECTION = {
  region: 'us-east-1',
  accessKeyId: 'artifortress',
  secretAccessKey: 'artifortress-on-loopback',
};
const READY_LIMIT_MS = 30_000;
const READY_POLL_MS = 50;
const PROBE_LIMIT_MS = 2_000;
const STOP_LIMIT_MS = 5_000;
const OUTPUT_TAIL_CHARS = 2_000;
const NO_EXTENDED_ATTRIBUTES = 'xattrs are not supported';

/** Starts MinIO; resolves when it answers. */
export async function startMinio(options: StartOptions = {}): Promise<S3Server> {
  const file = await ensureBuilt('minio');
  return startServer('minio', options, (place) => {
    const env = {
      MINIO_ROOT_USER: place.accessKeyId,
      MINIO_ROOT_PASSWORD: place.secretAccessKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    };
    // A user's own certificates, in the default folder, would turn the endpoint into https.
    const certificates = join(place.dataDirectory, 'certificates');
    const args = ['server', '--quiet', '--address', place.address, '--certs-dir', certificates, place.objectsFolder];
    return launch('minio', { file, args, env }, place);
  });
}

/**
 * Starts Versity S3 Gateway on a folder; resolves when it answers. What it knows about objects it keeps in extended
 * attributes, or in a folder `sidecar` on a file system without them.
 */
export async function startVersitygw(options: StartOptions = {}): Promise<S3Server> {
  const file = await ensureBuilt('versitygw');
  return startServer('versitygw', options, async (place) => {
    const keys = ['--access', place.accessKeyId, '--secret', place.secretAccessKey];
    // S3 keeps connections open; versitygw does not unless told to.
    const common = [...keys, '--region', place.region, '--port', place.address, '--quiet', '--keep-alive', 'posix'];
    const launchWith = (metadata: readonly string[]) =>
      launch('versitygw', { file, args: [...common, ...metadata, place.objectsFolder] }, place);
    try {
      return await launchWith([]);
    } catch (error) {
      if (!(error instanceof Error && error.message.includes(NO_EXTENDED_ATTRIBUTES))) throw error;
      const sidecar = join(place.dataDirectory, 'sidecar');
      await mkdir(sidecar, { recursive: true });
      return launchWith(['--sidecar', sidecar]);
    }
  });
}

/** Creates a bucket; one that is there already is fine. */
export async function createBucket(server: S3Connection, name: string): Promise<void> {
  const client = s3Client(server);
  try {
    await client.send(new CreateBucketCommand({ Bucket: name }));
  } catch (error) {
    if (!(error instanceof Error && error.name === 'BucketAlreadyOwnedByYou')) throw error;
  } finally {
    client.destroy();
  }
}

/** Returns a client of the server that adds no checksums of its own to what it is asked to send. */
export function s3Client({ endpoint, region, accessKeyId, secretAccessKey }: S3Connection): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

async function startServer(
  name: S3ServerName,
  options: StartOptions,
  launchAt: (place: Place) => Promise<RunningServer>,
): Promise<S3Server> {
  const port = options.port ?? (await freePort());
  await refuseTakenPort(name, port);
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), `artifortress-${name}-`)));
  const removeFolder = async () => {
    if (options.dataDirectory === undefined) await rm(dataDirectory, { recursive: true, force: true });
  };
  const address = `127.0.0.1:${port}`;
  const connection = { ...FIXED_CONNECTION, endpoint: `http://${address}` };
  try {
    const objectsFolder = join(dataDirectory, 'objects');
    await mkdir(objectsFolder, { recursive: true });
    const { child, pid, ended } = await launchAt({ ...connection, address, objectsFolder, dataDirectory });
    return {
      ...connection,
      name,
      dataDirectory,
      pid,
      ended,
      async stop() {
        await end(child, ended);
        await removeFolder();
      },
      pause: () => void child.kill('SIGSTOP'),
      resume: () => void child.kill('SIGCONT'),
      async kill() {
        child.kill('SIGKILL');
        await ended;
      },
    };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}

/** Whoever has the port might answer the probes like the server that couldn't get it. */
async function refuseTakenPort(name: S3ServerName, port: number): Promise<void> {
  try {
    await tryPort(port);
  } catch (error) {
    throw new Error(`${name} can't have port ${port}: free it, or choose another one`, { cause: error });
  }
}

/** Starts the process and waits until it answers. It inherits no settings from the shell and prints nothing. */
async function launch(name: S3ServerName, command: Command, connection: S3Connection): Promise<RunningServer> {
  const [file, args] = dyingWithUs(command);
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...command.env };
  // A process group of its own, so that Ctrl-C reaches this program alone, which then stops it in order.
  const child = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_TAIL_CHARS);
    });
  const killWithUs = () => void child.kill('SIGKILL');
  process.on('exit', killWithUs);
  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      output += error.message;
    });
    child.on('close', () => {
      process.off('exit', killWithUs);
      resolve();
    });
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;

  const deadlineMs = performance.now() + READY_LIMIT_MS;
  while (!(await answers(connection)) || hasEnded()) {
    const late = performance.now() > deadlineMs;
    if (late || hasEnded()) {
      await end(child, ended);
      const what = late ? `was not ready within ${READY_LIMIT_MS} ms` : 'ended before it was ready';
      throw new Error(`${name} ${what}:\n${output}`);
    }
    await sleep(READY_POLL_MS);
  }
  if (child.pid === undefined) throw new Error(`${name} answers, though it has no process`);
  return { child, pid: child.pid, ended };
}

/** Where the system can, it ends the server even when this program is killed. */
function dyingWithUs({ file, args }: Command): [file: string, args: readonly string[]] {
  const prefix = ['--pdeathsig', 'KILL', '--'];
  return outputOf('setpriv', [...prefix, 'true']) === null ? [file, args] : ['setpriv', [...prefix, file, ...args]];
}

async function answers(server: S3Connection): Promise<boolean> {
  const client = s3Client(server);
  try {
    await client.send(new ListBucketsCommand(), { abortSignal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    return true;
  } catch {
    return false;
  } finally {
    client.destroy();
  }
}

async function end(child: ChildProcess, ended: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  // A paused process gets it only when it goes on.
  child.kill('SIGCONT');
  const inTime = await Promise.race([ended.then(() => true), sleep(STOP_LIMIT_MS, false, { ref: false })]);
  if (!inTime) child.kill('SIGKILL');
  await ended;
}
