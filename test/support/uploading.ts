import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Reply, TestServer } from './test-server.ts';

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Bytes that nobody has stored before. */
export function uniqueBytes(length = 1000): Buffer {
  return randomBytes(length);
}

/** A body of a copy of these bytes: a store empties the chunks that it was given. */
export function bodyOf(bytes: Uint8Array): Readable {
  return Readable.from([Buffer.from(bytes)]);
}

export interface Session {
  uploadId: string;
  /** `/v1/repos/<repoKey>/uploads/<uploadId>` */
  path: string;
  created: Reply;
}

/** Starts a session for these bytes, or for what is declared of them. */
export async function createSession(
  server: TestServer,
  repoKey: string,
  declared: Uint8Array | { digest: string; length: number },
  token?: string,
): Promise<Session> {
  const { digest, length } =
    declared instanceof Uint8Array ? { digest: sha256(declared), length: declared.length } : declared;
  const created = await server.request('POST', `/v1/repos/${repoKey}/uploads`, {
    json: { expectedDigest: digest, expectedLength: length },
    ...(token === undefined ? {} : { token }),
  });
  const uploadId = String(created.json?.uploadId);
  return { uploadId, path: `/v1/repos/${repoKey}/uploads/${uploadId}`, created };
}

/** Sends one part the way a client does: asks for its URL, puts the bytes there. @returns the ETag. */
export async function sendPart(
  server: TestServer,
  session: Session,
  bytes: Uint8Array,
  options: { partNumber?: number; checksummed?: boolean } = {},
): Promise<string> {
  const partNumber = options.partNumber ?? 1;
  const checksum = options.checksummed === true ? { sha256: sha256(bytes), sizeBytes: bytes.length } : {};
  const signed = await server.request('POST', `${session.path}/parts`, { json: { partNumber, ...checksum } });
  if (signed.status !== 200) throw new Error(`no part URL: ${signed.status} ${signed.bytes.toString()}`);
  const put = await server.request('PUT', String(signed.json.uploadUrl), {
    token: null,
    body: bytes,
    headers: signed.json.headers,
  });
  if (put.status !== 200) throw new Error(`part refused: ${put.status} ${put.bytes.toString()}`);
  return put.headers.get('etag') ?? '';
}

export async function complete(server: TestServer, session: Session, ...etags: string[]): Promise<Reply> {
  const parts = etags.map((etag, index) => ({ partNumber: index + 1, etag }));
  return await server.request('POST', `${session.path}/complete`, { json: { parts } });
}

/** The whole life of an upload in one part. @returns the answer of the commit. */
export async function upload(server: TestServer, repoKey: string, bytes: Uint8Array): Promise<Reply> {
  const session = await createSession(server, repoKey, bytes);
  if (session.created.status === 200) return session.created;
  const completed = await complete(server, session, await sendPart(server, session, bytes));
  if (completed.status !== 200) return completed;
  return await server.request('POST', `${session.path}/commit`);
}
