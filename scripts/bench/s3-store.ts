import { basename, dirname, join } from 'node:path';
import { DeleteObjectsCommand, paginateListObjectsV2 } from '@aws-sdk/client-s3';
import { ensureBuilt, type S3ServerName } from '../go-programs.ts';
import { createBucket, type S3Connection, s3Client, startMinio, startVersitygw } from '../s3-servers/start.ts';
import { ProcessTree } from './process-usage.ts';

/** A bucket of the one S3 server that all the subjects of a run share. */
export interface S3Bucket {
  readonly connection: S3Connection;
  readonly bucket: string;
}

/** The S3 server of a run. */
export interface S3Store {
  readonly name: S3ServerName;
  readonly version: string;
  readonly port: number;
  readonly usage: ProcessTree;
  /** Makes a new bucket. */
  makeBucket(name: string): Promise<S3Bucket>;
}

/** Starts the S3 server with its data under the run's folder, built first where no run before did. */
export async function startS3Store(stack: AsyncDisposableStack, root: string, name: S3ServerName): Promise<S3Store> {
  const program = await ensureBuilt(name);
  const dataDirectory = join(root, name);
  const server = await (name === 'minio' ? startMinio({ dataDirectory }) : startVersitygw({ dataDirectory }));
  stack.defer(() => server.stop());
  return {
    name,
    version: basename(dirname(program)).replace(`${name}@`, ''),
    port: Number(new URL(server.endpoint).port),
    usage: new ProcessTree(server.pid, dataDirectory),
    async makeBucket(bucket) {
      await createBucket(server, bucket);
      return { connection: server, bucket };
    },
  };
}

/**
 * Removes what our server keeps of a blob, behind its back: it would do so itself, but late and in the midst of somebody's window.
 * The digest must not be asked for any more.
 */
export async function removeBlob({ connection, bucket }: S3Bucket, digest: string, prefix = ''): Promise<void> {
  const client = s3Client(connection);
  const Prefix = `${prefix}blobs/sha256/${digest.slice(0, 2)}/${digest}/`;
  try {
    for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: bucket, Prefix })) {
      const Objects = Contents.map(({ Key }) => ({ Key }));
      if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
    }
  } finally {
    client.destroy();
  }
}

/** The environment by which our server keeps its bytes in a bucket. */
export function storeEnvironment({ connection, bucket }: S3Bucket, prefix = ''): Record<string, string> {
  return {
    ARTIFORTRESS_S3_ENDPOINT: connection.endpoint,
    ARTIFORTRESS_S3_REGION: connection.region,
    ARTIFORTRESS_S3_BUCKET: bucket,
    ARTIFORTRESS_S3_PREFIX: prefix,
    ARTIFORTRESS_S3_FORCE_PATH_STYLE: 'true',
    AWS_ACCESS_KEY_ID: connection.accessKeyId,
    AWS_SECRET_ACCESS_KEY: connection.secretAccessKey,
  };
}
