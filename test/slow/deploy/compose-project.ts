import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { freePort } from '../../../scripts/bench/loopback.ts';
import { findProgram } from '../../../scripts/bench/programs.ts';
import { ensureBuilt } from '../../../scripts/go-programs.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import { startNameServer } from './name-server.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');
const COMPOSE = join(REPOSITORY, 'deploy', 'compose');
const READY_WITHIN_MS = 30_000;
/** Replicas of a service have one port and an address each. */
const REPLICAS = ['127.0.0.2', '127.0.0.3'];

const serviceSchema = z.looseObject({
  environment: z.record(z.string(), z.string()),
  command: z.array(z.string()).optional(),
  healthcheck: z.looseObject({ test: z.array(z.string()).optional() }).optional(),
});
const projectSchema = z.object({
  services: z.looseObject({
    server: serviceSchema,
    worker: serviceSchema,
    store: serviceSchema,
    bucket: serviceSchema,
  }),
});

interface Running {
  name: string;
  process: ChildProcess;
  ended: Promise<unknown>;
}

export interface ComposeProject extends AsyncDisposable {
  /** Of the proxy. */
  url: string;
  bootstrapToken: string;
  servers: Running[];
  /** What the step that makes the bucket said, first and second time. */
  bucketOutputs: string[];
}

/**
 * Starts what the Compose file describes as processes of this machine: the commands, environments and the proxy's configuration are the
 * file's own. Only what the containers' network gives is put in their place: names, addresses and ports.
 */
export async function startComposeProject(): Promise<ComposeProject> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-compose-'));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const secrets = {
    POSTGRES_PASSWORD: 'unused',
    ARTIFORTRESS_BOOTSTRAP_TOKEN: randomBytes(24).toString('hex'),
    S3_ACCESS_KEY_ID: randomBytes(8).toString('hex'),
    S3_SECRET_ACCESS_KEY: randomBytes(16).toString('hex'),
  };
  const text = await readFile(join(COMPOSE, 'compose.yaml'), 'utf8');
  const { services } = projectSchema.parse(parse(text, { merge: true }));
  const environmentOf = ({ environment }: z.infer<typeof serviceSchema>): Record<string, string> =>
    Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, interpolate(value, secrets)]));
  const [storePort, serverPort, proxyPort] = [await freePort(), await freePort(), await freePort()];
  const database = await createTestDatabase({ empty: true });
  undo.defer(() => database.drop());
  const url = `http://127.0.0.1:${proxyPort}`;

  const run = (name: string, program: string, args: readonly string[], env: NodeJS.ProcessEnv): Running => {
    const child = spawn(program, args, {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    const ended = once(child, 'exit');
    undo.defer(async () => {
      child.kill('SIGTERM');
      await ended;
    });
    return { name, process: child, ended };
  };

  const objects = join(folder, 'objects');
  await mkdir(objects);
  const command = (services.store.command ?? []).map((word) => (word === '/objects' ? objects : word));
  run(
    'store',
    await ensureBuilt('versitygw'),
    ['--port', `127.0.0.1:${storePort}`, ...command],
    environmentOf(services.store),
  );
  const check = services.store.healthcheck?.test?.at(-1) ?? '';
  await untilOk(`http://127.0.0.1:${storePort}${new URL(check).pathname}`);

  const onThisMachine = (service: z.infer<typeof serviceSchema>, more: Record<string, string> = {}) => ({
    ...environmentOf(service),
    DATABASE_URL: database.url,
    ARTIFORTRESS_DATA_DIR: folder,
    ARTIFORTRESS_PUBLIC_URL: url,
    ARTIFORTRESS_S3_ENDPOINT: `http://127.0.0.1:${storePort}`,
    ARTIFORTRESS_S3_PUBLIC_ENDPOINT: `http://127.0.0.1:${storePort}`,
    ...more,
  });

  const bucketOutputs = [
    await makeBucket(onThisMachine(services.bucket)),
    await makeBucket(onThisMachine(services.bucket)),
  ];

  const program = join(REPOSITORY, 'bin', 'artifortress.js');
  const servers = REPLICAS.map((host, index) =>
    run(
      `server-${index + 1}`,
      process.execPath,
      [program, 'serve'],
      onThisMachine(services.server, { HOST: host, PORT: String(serverPort) }),
    ),
  );
  run('worker', process.execPath, [program, 'serve'], onThisMachine(services.worker, { PORT: '0' }));
  for (const host of REPLICAS) await untilOk(`http://${host}:${serverPort}/health/ready`);

  const names = await startNameServer(REPLICAS);
  undo.defer(() => names.close());
  const configuration = (await readFile(join(COMPOSE, 'nginx.conf'), 'utf8'))
    .replace('resolver 127.0.0.11 valid=5s', `resolver ${names.address} valid=1s ipv6=off`)
    .replace('listen 8080', `listen 127.0.0.1:${proxyPort}`)
    .replace('http://$replicas:8080', `http://$replicas:${serverPort}`)
    .replace('/tmp/nginx.pid', join(folder, 'nginx.pid'));
  await writeFile(join(folder, 'nginx.conf'), configuration);
  run('proxy', findProgram('nginx') ?? 'nginx', ['-c', join(folder, 'nginx.conf'), '-g', 'daemon off;'], {});
  await untilOk(`${url}/health/ready`);

  const open = undo.move();
  return {
    url,
    bootstrapToken: secrets.ARTIFORTRESS_BOOTSTRAP_TOKEN,
    servers,
    bucketOutputs,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** `${NAME}`, `${NAME:-otherwise}` and `${NAME:?why it has to be set}`, as Compose reads them. */
function interpolate(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(
    /\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}/g,
    (_whole, name: string, otherwise = '') => values[name] ?? otherwise,
  );
}

/** The script is mounted beside the server's packages; here it lies beside them already. */
async function makeBucket(env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, [join(COMPOSE, 'create-bucket.js')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, 'close');
  return output.trim();
}

async function untilOk(url: string): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const reply = await fetch(url).catch(() => undefined);
    if (reply?.ok === true) return;
    if (performance.now() > deadline) throw new Error(`${url} is not ready`);
    await sleep(100);
  }
}
