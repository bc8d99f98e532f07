import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from '../src/kernel/errors.ts';
import { ensureBuilt, S3_SERVER_NAMES, type S3ServerName } from './go-programs.ts';
import { createBucket, type S3Server, type StartOptions, startMinio, startVersitygw } from './s3-servers/start.ts';

const BUCKET = 'artifortress';
const FAILED = 1;
const MISUSED = 2;
const MAX_PORT = 65_535;
const DEFAULT_PORTS: Readonly<Record<S3ServerName, number>> = { minio: 9000, versitygw: 9010 };
const STARTS: Readonly<Record<S3ServerName, (options: StartOptions) => Promise<S3Server>>> = {
  minio: startMinio,
  versitygw: startVersitygw,
};

const HELP = `Usage: npm run dev:s3 -- [options]

Starts real S3 servers on loopback, each with a bucket "${BUCKET}", prints the settings that make Artifortress use them,
and stops them on Ctrl-C. They are built with Go at the first run.

  --only <name>           one of them: ${S3_SERVER_NAMES.join(', ')}
  --data <folder>         keeps their data there, for the next run too (default: temporary folders, removed at the end)
  --minio-port <n>        (default ${DEFAULT_PORTS.minio})
  --versitygw-port <n>    (default ${DEFAULT_PORTS.versitygw})
  --build-only            builds what isn't built yet and starts nothing
  --help                  prints this`;

interface Options {
  readonly names: readonly S3ServerName[];
  readonly dataFolder: string | null;
  readonly ports: Readonly<Record<S3ServerName, number>>;
  readonly buildOnly: boolean;
}

process.exitCode = await main();

async function main(): Promise<number> {
  let options: Options | null;
  try {
    options = parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`dev:s3: ${messageOf(error)}\nSee npm run dev:s3 -- --help\n`);
    return MISUSED;
  }
  if (options === null) {
    process.stdout.write(`${HELP}\n`);
    return 0;
  }
  try {
    for (const name of options.names) await ensureBuilt(name);
    if (!options.buildOnly) await serve(options);
    return 0;
  } catch (error) {
    process.stderr.write(`dev:s3: ${messageOf(error)}\n`);
    return FAILED;
  }
}

/** Parses the command line; null where help is asked for. Throws an error that says what is wrong with which option. */
function parseOptions(args: readonly string[]): Options | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      data: { type: 'string' },
      'minio-port': { type: 'string' },
      'versitygw-port': { type: 'string' },
      'build-only': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  return {
    names: parseOnly(values.only),
    dataFolder: values.data ?? null,
    ports: {
      minio: parsePort('--minio-port', values['minio-port'], DEFAULT_PORTS.minio),
      versitygw: parsePort('--versitygw-port', values['versitygw-port'], DEFAULT_PORTS.versitygw),
    },
    buildOnly: values['build-only'],
  };
}

function parseOnly(text: string | undefined): readonly S3ServerName[] {
  if (text === undefined) return S3_SERVER_NAMES;
  const known = S3_SERVER_NAMES.find((name) => name === text);
  if (known === undefined) throw new Error(`--only takes ${S3_SERVER_NAMES.join(' or ')}, not "${text}"`);
  return [known];
}

function parsePort(option: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const port = Number(text);
  if (!(Number.isInteger(port) && port >= 1 && port <= MAX_PORT))
    throw new Error(`${option} takes a whole number from 1 to ${MAX_PORT}, not "${text}"`);
  return port;
}

/** Resolves after a signal; rejects where a server does not start, or ends by itself. A signal during the start waits for it. */
async function serve({ names, dataFolder, ports }: Options): Promise<void> {
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => resolve());
  });
  await using stack = new AsyncDisposableStack();
  const servers: S3Server[] = [];
  for (const name of names) {
    const folder = dataFolder === null ? {} : { dataDirectory: join(dataFolder, name) };
    const server = await STARTS[name]({ port: ports[name], ...folder });
    stack.defer(() => server.stop());
    await createBucket(server, BUCKET);
    servers.push(server);
    process.stdout.write(settingsFor(server));
  }
  process.stdout.write(`Ctrl-C stops ${names.length === 1 ? 'it' : 'them'}.\n`);
  await Promise.race([interrupted, ...servers.map(failureOf)]);
}

async function failureOf(server: S3Server): Promise<never> {
  await server.ended;
  throw new Error(`${server.name} has ended by itself`);
}

function settingsFor(server: S3Server): string {
  return `${server.name} is ready, process ${server.pid}, its data in ${server.dataDirectory}. In another terminal:

  export ARTIFORTRESS_S3_ENDPOINT=${server.endpoint}
  export ARTIFORTRESS_S3_REGION=${server.region}
  export ARTIFORTRESS_S3_BUCKET=${BUCKET}
  export ARTIFORTRESS_S3_FORCE_PATH_STYLE=true
  export AWS_ACCESS_KEY_ID=${server.accessKeyId}
  export AWS_SECRET_ACCESS_KEY=${server.secretAccessKey}
  npm start

`;
}
