import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import type { ObjectKey } from '../../src/objects/keys.ts';
import { openStore } from '../../src/objects/open-store.ts';
import { fsck } from '../../src/operator/fsck.ts';
import { createHashPool } from '../../src/uploads/hash-pool.ts';
import { type CallFilter, type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { s3Settings, startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes } from '../support/uploading.ts';
import { blobOf } from '../uploads/inspect.ts';

const servers = inject('s3Servers');
const FIVE_MIB = 5 * 1024 ** 2;

const isHead: CallFilter = ({ method }) => method === 'HEAD';
const listsParts: CallFilter = ({ method, query }) => method === 'GET' && query.has('uploadId');
const isConditional: CallFilter = ({ headers }) => headers['if-none-match'] !== undefined;
const carriesChecksum: CallFilter = ({ method, headers }) =>
  method === 'PUT' && headers['x-amz-checksum-sha256'] !== undefined;

const NOT_IMPLEMENTED: Fault = { kind: 'answer', status: 501, code: 'NotImplemented', acts: false };
const NO_CHECKSUM_TOLD: Fault = { kind: 'strip', headers: ['x-amz-checksum-sha256', 'x-amz-checksum-type'] };

/** Stores that lack something, as a proxy in front of MinIO makes them. */
const LESSER: [lacks: string, fault: Fault, which: CallFilter][] = [
  ['checksum of the object', NO_CHECKSUM_TOLD, isHead],
  ['list of parts', NOT_IMPLEMENTED, listsParts],
  ['conditional completion', NOT_IMPLEMENTED, isConditional],
  ['part checksums', NOT_IMPLEMENTED, carriesChecksum],
];

describe.skipIf(servers === null).each(LESSER)('a store without %s', (lacks, fault, which) => {
  let proxy: FaultProxy;
  let server: TestServer;

  beforeEach(async () => {
    if (servers === null) return;
    proxy = await startFaultProxy(servers.minio.endpoint);
    proxy.inject(fault, which);
    server = await startTestServer({ settings: { ...s3Settings(servers.minio), s3Endpoint: proxy.url } });
    await server.createRepository('apps');
  });

  afterEach(async () => {
    await server.close();
    await proxy[Symbol.asyncDispose]();
  });

  async function proofOf(uploadId: string): Promise<string> {
    const { json } = await server.request('GET', `/v1/audit?action=upload.committed&resourceId=${uploadId}`);
    return json.items[0].details.proof;
  }

  test('is known for that', async () => {
    const { json } = await server.request('GET', '/health/ready');
    const missing = json.dependencies.objectStore.capabilities.filter((one: { supported: boolean }) => !one.supported);
    expect(missing.map((one: { name: string }) => one.name)).toContain(lacks);
  });

  test('takes an upload of one part that announces its checksum, and proves what it must', async () => {
    const bytes = uniqueBytes(2000);
    const session = await createSession(server, 'apps', bytes);
    await complete(server, session, await sendPart(server, session, bytes, { checksummed: true }));
    expect((await server.request('POST', `${session.path}/commit`)).status).toBe(200);
    const readsBack = lacks !== 'conditional completion';
    expect(await proofOf(session.uploadId)).toBe(readsBack ? 'full_read' : 'store_checksum');
    expect((await server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`)).bytes.equals(bytes)).toBe(true);
  });

  test('is never believed about other bytes than were declared', async () => {
    const declared = uniqueBytes(2000);
    const session = await createSession(server, 'apps', declared);
    const others = uniqueBytes(2000);
    await complete(server, session, await sendPart(server, session, others, { checksummed: true }));
    const { status, json } = await server.request('POST', `${session.path}/commit`);
    expect([status, json.actualDigest]).toEqual([409, sha256(others)]);
  });

  test('takes an upload of several parts, and answers a repeated completion the same', async () => {
    const bytes = uniqueBytes(FIVE_MIB + 1000);
    const session = await createSession(server, 'apps', bytes);
    const first = await sendPart(server, session, bytes.subarray(0, FIVE_MIB), { partNumber: 1 });
    const second = await sendPart(server, session, bytes.subarray(FIVE_MIB), { partNumber: 2 });
    const completed = await complete(server, session, first, second);
    const again = await complete(server, session, first, second);
    expect([completed.status, again.status, again.json]).toEqual([200, 200, completed.json]);
    expect((await server.request('POST', `${session.path}/commit`)).status).toBe(200);
    expect((await server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`)).bytes.equals(bytes)).toBe(true);
  });
});

describe.skipIf(servers === null)('a store that lies about a checksum', () => {
  let server: TestServer;
  let prefix = '';

  beforeEach(async () => {
    if (servers === null) return;
    const settings = s3Settings(servers.versitygw);
    prefix = settings.s3Prefix ?? '';
    server = await startTestServer({ settings });
    await server.createRepository('apps');
  });

  afterEach(() => server.close());

  /** The bytes of an object, changed where versitygw keeps them; what it says of them stays as it was. */
  async function rotIn(key: ObjectKey): Promise<void> {
    const { dataDirectory = '', bucket = '' } = servers?.versitygw ?? {};
    await writeFile(join(dataDirectory, 'objects', bucket, prefix, key), uniqueBytes(2000));
  }

  /** @returns what is wrong, with which blob. */
  async function check(readShare: number): Promise<[string, string][]> {
    const { settings, clock, ids, log, publicUrl } = server.running.services;
    const opened = await openStore({ settings, clock, ids, log, publicUrl });
    const pool = createHashPool(opened.location, { threads: 1, waiting: 1 });
    const options = { repair: false, readShare, graceMs: 0 };
    const report = await fsck(server.running.services, (object) => pool.hash(object, () => {}), options);
    await pool.close();
    opened.close();
    return report.findings.map(({ problem, subject }) => [problem, subject]);
  }

  test('is found out by a check that reads the data, and only by that', async () => {
    const bytes = uniqueBytes(2000);
    const session = await createSession(server, 'apps', bytes);
    await complete(server, session, await sendPart(server, session, bytes, { checksummed: true }));
    await server.request('POST', `${session.path}/commit`);
    const blob = await blobOf(server, sha256(bytes));
    const key = blob?.objectKey;
    if (key === null || key === undefined) throw new Error('the blob has no object');
    await rotIn(key);
    expect(await check(0)).toEqual([]);
    expect(await check(1)).toEqual([['object_corrupt', sha256(bytes)]]);
  });
});
