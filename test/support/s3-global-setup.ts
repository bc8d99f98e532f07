import type { TestProject } from 'vitest/node';
import { canBuild, isBuilt, S3_SERVER_NAMES, type S3ServerName } from '../../scripts/go-programs.ts';
import {
  createBucket,
  type S3Connection,
  type S3Server,
  startMinio,
  startVersitygw,
} from '../../scripts/s3-servers/start.ts';

export interface TestS3Server extends S3Connection {
  readonly bucket: string;
  readonly dataDirectory: string;
  readonly pid: number;
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Null where the S3 suites are skipped. */
    s3Servers: Readonly<Record<S3ServerName, TestS3Server>> | null;
  }
}

const BUCKET = 'artifortress-test';

/** One of each real S3 server for all test files, with one bucket. In CI, suites that can't run fail instead of being skipped. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const reason = reasonToSkip();
  if (reason !== null) {
    if (inCi()) throw new Error(`the S3 suites must run in CI, but ${reason}`);
    process.stderr.write(skippedNotice(reason));
    project.provide('s3Servers', null);
    return async () => {};
  }
  await using stack = new AsyncDisposableStack();
  const minio = await startMinio();
  stack.defer(() => minio.stop());
  const versitygw = await startVersitygw();
  stack.defer(() => versitygw.stop());
  project.provide('s3Servers', { minio: await withBucket(minio), versitygw: await withBucket(versitygw) });
  const started = stack.move();
  return () => started.disposeAsync();
}

function reasonToSkip(): string | null {
  if (process.env.ARTIFORTRESS_SKIP_S3 === '1') return 'ARTIFORTRESS_SKIP_S3=1 is set';
  const missing = S3_SERVER_NAMES.filter((name) => !isBuilt(name)).join(' and ');
  if (missing === '') return null;
  if (!canBuild()) return `there is no ${missing}, and no Go to build with`;
  return inCi() || process.env.ARTIFORTRESS_BUILD_S3 === '1' ? null : `${missing} must be built first`;
}

function inCi(): boolean {
  return process.env.CI === 'true';
}

function skippedNotice(reason: string): string {
  const line = '*'.repeat(100);
  return `
${line}
*** THE S3 SUITES ARE SKIPPED: ${reason}.
***
*** Nothing that needs S3 is tested in this run. To enable these suites:
***   1. install Go, where it is missing, and leave ARTIFORTRESS_SKIP_S3 unset
***   2. npm run dev:s3 -- --build-only       (takes minutes, and once only)
${line}

`;
}

/** Only what a worker process can be given. */
async function withBucket(server: S3Server): Promise<TestS3Server> {
  await createBucket(server, BUCKET);
  const { endpoint, region, accessKeyId, secretAccessKey, dataDirectory, pid } = server;
  return { endpoint, region, accessKeyId, secretAccessKey, bucket: BUCKET, dataDirectory, pid };
}
