import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readlink, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { expect } from 'vitest';
import type { Reply, TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256 } from '../support/uploading.ts';
import { foldersOf } from '../uploads/inspect.ts';

const MIB = 1024 ** 2;

/** How long a state that must come may take to come; what passes never waits for it. */
export const PATIENCE = { timeout: 10_000, interval: 20 };

/** A digest that no blob of any test has. */
export function unknownDigest(): string {
  return randomBytes(32).toString('hex');
}

export function blobPath(repoKey: string, digest: string): string {
  return `/v1/repos/${repoKey}/blobs/${digest}`;
}

/** One `PUT` of the whole, as the administrator unless a token is given. */
export async function put(server: TestServer, repoKey: string, bytes: Uint8Array, token?: string): Promise<Reply> {
  return await server.request('PUT', blobPath(repoKey, sha256(bytes)), {
    body: bytes,
    ...(token === undefined ? {} : { token }),
  });
}

/** Stores bytes that a test then works with. @returns their digest. */
export async function store(server: TestServer, repoKey: string, bytes: Uint8Array): Promise<string> {
  const reply = await put(server, repoKey, bytes);
  if (reply.status !== 201 && reply.status !== 200) throw new Error(`not stored: ${reply.bytes.toString()}`);
  return sha256(bytes);
}

/** Bytes whose place can be told from their values, so that a slice at a wrong offset is seen. */
export function countedBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let offset = 0; offset + 4 <= length; offset += 4) bytes.writeUInt32LE(offset, offset);
  return bytes;
}

/** Of a blob whose object is three files: two of 5 MiB and a short one. */
export const MANY_PARTS_BYTES = 10 * MIB + 1000;

/** A blob whose object is a file for each 5 MiB. */
export async function storeInParts(
  server: TestServer,
  repoKey: string,
  bytes = countedBytes(MANY_PARTS_BYTES),
): Promise<Buffer> {
  const session = await createSession(server, repoKey, bytes);
  const etags: string[] = [];
  for (let start = 0; start < bytes.length; start += 5 * MIB) {
    const part = bytes.subarray(start, Math.min(start + 5 * MIB, bytes.length));
    etags.push(await sendPart(server, session, part, { partNumber: etags.length + 1 }));
  }
  await complete(server, session, ...etags);
  let committed = await server.request('POST', `${session.path}/commit`);
  while (committed.status === 202) committed = await server.request('POST', `${session.path}/commit`);
  if (committed.status !== 200) throw new Error(`not committed: ${committed.bytes.toString()}`);
  return bytes;
}

/** The files of the object folder that a process holds open. */
export async function openObjects(dataDirectory: string, pid: number | 'self' = 'self'): Promise<string[]> {
  const folder = `/proc/${pid}/fd`;
  const links = await Promise.all(
    (await readdir(folder)).map((name) => readlink(path.join(folder, name)).catch(() => '')),
  );
  return links.filter((link) => link.startsWith(path.join(dataDirectory, 'objects')));
}

export async function downloadsInProgress(server: TestServer): Promise<number> {
  const { bytes } = await server.request('GET', '/metrics');
  return Number(/^artifortress_downloads_in_progress (\d+)$/m.exec(bytes.toString())?.[1]);
}

/** No download is in progress any more, and no file is open for one. */
export async function expectAtRest(of: TestServer): Promise<void> {
  await expect.poll(() => downloadsInProgress(of), PATIENCE).toBe(0);
  await expect.poll(() => openObjects(of.dataDirectory), PATIENCE).toEqual([]);
}

/** Every file and folder that the store keeps under a digest; none where it knows nothing of it. */
export async function storedUnder(server: TestServer, digest: string): Promise<string[]> {
  if (server.running.services.objects.driver === 's3') return await foldersOf(server, digest);
  return await entriesOf(server, digest);
}

async function entriesOf({ dataDirectory }: Pick<TestServer, 'dataDirectory'>, digest: string): Promise<string[]> {
  const folder = path.join(dataDirectory, 'objects', 'blobs', 'sha256', digest.slice(0, 2));
  return (await readdir(folder)).filter((name) => name.startsWith(digest)).map((name) => path.join(folder, name));
}

/** The one file, or the one folder of files, in which a blob's bytes lie. */
export async function objectPath(server: Pick<TestServer, 'dataDirectory'>, digest: string): Promise<string> {
  const [entry] = await entriesOf(server, digest);
  return entry ?? `no object of ${digest}`;
}

export async function rowsOf<Row extends object = object>(
  server: TestServer,
  statement: string,
  ...values: unknown[]
): Promise<Row[]> {
  const client = new Client(server.database.target);
  // A connection that breaks fails its query; the event beside it would fail the whole run.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(statement, values)).rows;
  } finally {
    await client.end();
  }
}

/** State and reason of every session for this digest, oldest first. */
export async function sessionsFor(
  server: TestServer,
  digest: string,
): Promise<{ state: string; reason: string | null; uploadId: string }[]> {
  return await rowsOf(
    server,
    'select state, abort_reason as reason, upload_id as "uploadId" from upload_sessions where expected_digest = $1 order by upload_id',
    digest,
  );
}

/** The actions in the trail about the uploads of this digest, oldest first. */
export async function actionsFor(server: TestServer, digest: string): Promise<string[]> {
  const rows = await rowsOf<{ action: string }>(
    server,
    `select action from audit_events where details->>'expectedDigest' = $1 order by audit_id`,
    digest,
  );
  return rows.map((row) => row.action);
}

/** Nothing of this digest is to be seen, neither by its repository's readers nor on the disk, once the worker has been by. */
export async function expectNothingLeft(server: TestServer, repoKey: string, digest: string): Promise<void> {
  expect(await server.request('GET', blobPath(repoKey, digest))).toMatchObject({ status: 404 });
  await server.runWorker();
  expect(await storedUnder(server, digest)).toEqual([]);
}

/** A file of these bytes in a folder of its own, gone afterwards. */
export async function temporaryFile(bytes: Uint8Array): Promise<{ path: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), 'artifortress-blobs-'));
  const file = path.join(folder, 'artifact.bin');
  await writeFile(file, bytes);
  return { path: file, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

/**
 * A blob of zeros that takes no room on the disk: its one part is put where the store would have put it, as a file with a hole; all
 * the rest goes through the API. The digest may be made up, since a part's name vouches for its bytes.
 */
export async function plantSparseBlob(
  server: Pick<TestServer, 'request' | 'dataDirectory'>,
  repoKey: string,
  lengthBytes: number,
  digest = unknownDigest(),
): Promise<string> {
  const uploads = `/v1/repos/${repoKey}/uploads`;
  const created = await server.request('POST', uploads, {
    json: { expectedDigest: digest, expectedLength: lengthBytes },
  });
  const session = `${uploads}/${String(created.json.uploadId)}`;
  await server.request('POST', `${session}/parts`, { json: { partNumber: 1 } });
  const version = '00000000000000001';
  const file = path.join(await objectPath(server, digest), `part-00001-${version}-${lengthBytes}-${digest}`);
  await writeFile(file, '');
  await truncate(file, lengthBytes);
  await server.request('POST', `${session}/complete`, { json: { parts: [{ partNumber: 1, etag: digest }] } });
  const committed = await server.request('POST', `${session}/commit`);
  if (committed.status !== 200) throw new Error(`not committed: ${committed.bytes.toString()}`);
  return digest;
}
