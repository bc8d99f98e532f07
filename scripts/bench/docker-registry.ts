import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from './child.ts';
import { headerOf } from './http-reply.ts';
import { answers, freePort } from './loopback.ts';
import { findProgram, outputOf, versionIn } from './programs.ts';
import type { S3Bucket } from './s3-store.ts';
import { expectStatus, type MissingSubject, rangeHeaders, type Subject } from './subject.ts';

export const DOCKER_REGISTRY = 'docker-registry';

const IMAGE = 'bench';

/**
 * Starts Debian's registry on a folder of its own, or on a bucket, with Debian's settings but for tokens and request logs,
 * which it has none of.
 */
export async function startDockerRegistry(
  stack: AsyncDisposableStack,
  root: string,
  bucket: S3Bucket | null = null,
): Promise<Subject | MissingSubject> {
  const program = findProgram('docker-registry');
  if (program === null)
    return { name: DOCKER_REGISTRY, remedy: 'apt-get install --no-install-recommends docker-registry' };
  const port = await freePort();
  const folder = join(root, 'docker-registry');
  mkdirSync(folder, { recursive: true });
  const configPath = join(folder, 'config.json');
  writeFileSync(
    configPath,
    JSON.stringify(configuration(port, bucket === null ? folderDriver(join(folder, 'data')) : s3Driver(bucket))),
  );
  const args = ['serve', configPath];
  const child = startChild(stack, { name: DOCKER_REGISTRY, file: program, args, folder });
  await child.readyAfterMs(() => answers(port, '/v2/'));

  return {
    name: DOCKER_REGISTRY,
    version: versionIn(outputOf(program, ['--version'])),
    port,
    usage: child.usage,
    async put(connection, { digest, body }) {
      const target = `/v2/${IMAGE}/blobs/uploads/`;
      const empty = { lengthBytes: 0, chunks: [] };
      const begun = await connection.request({ step: 'begin', method: 'POST', target, body: empty, take: 'text' });
      const location = headerOf(expectStatus(begun, 202, 'the begin of an upload').head, 'location') ?? '';
      const upload = new URL(location, `http://127.0.0.1:${port}`);
      upload.searchParams.set('digest', `sha256:${digest}`);
      const done = await connection.request({
        step: 'put',
        method: 'PUT',
        target: upload.pathname + upload.search,
        headers: { 'Content-Type': 'application/octet-stream' },
        body: body(),
        take: 'text',
      });
      expectStatus(done, 201, 'the put of the bytes');
    },
    async get(connection, digest, take, range) {
      const target = `/v2/${IMAGE}/blobs/sha256:${digest}`;
      return connection.request({ step: 'get', method: 'GET', target, headers: rangeHeaders(range), take });
    },
  };
}

/** JSON is YAML. Everything is Debian's own `config.yml`, but for the address, the store, no accounts and no log of requests. */
function configuration(port: number, driver: object): object {
  return {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      cache: { blobdescriptor: 'inmemory' },
      ...driver,
      delete: { enabled: true },
    },
    http: { addr: `127.0.0.1:${port}`, secret: 'bench', headers: { 'X-Content-Type-Options': ['nosniff'] } },
    health: { storagedriver: { enabled: true, interval: '10s', threshold: 3 } },
  };
}

function folderDriver(dataFolder: string): object {
  return { filesystem: { rootdirectory: dataFolder } };
}

/** An endpoint of one's own implies that the bucket stands in the path. Downloads are proxied, so that it sends every byte. */
function s3Driver({ connection, bucket }: S3Bucket): object {
  const { endpoint, region, accessKeyId, secretAccessKey } = connection;
  return {
    s3: { regionendpoint: endpoint, region, bucket, accesskey: accessKeyId, secretkey: secretAccessKey, secure: false },
    redirect: { disable: true },
  };
}
