import type { Reply, TestServer } from '../support/test-server.ts';
import { complete, createSession, type Session, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';

/** Everything that a session can be when a request comes. */
export const SITUATIONS = [
  'initiated',
  'parts_uploading',
  'pending_commit',
  'committed',
  'committed by dedupe',
  'aborted by its client',
  'aborted by another digest',
  'aborted by another length',
  'aborted by the sweep',
  'initiated, past its time',
  'parts_uploading, past its time',
  'pending_commit, past its time',
  'of a deleted repository',
] as const;
export type Situation = (typeof SITUATIONS)[number];

export interface Held extends Session {
  repoKey: string;
  bytes: Buffer;
  /** Of its one part; of no part where none was sent. */
  etag: string;
}

/** The settings that {@link inState} counts on. */
export const UPLOAD_TTL_SECONDS = 60;

let repositories = 0;

/** Brings a new session into a situation, by nothing but requests and the clock. */
export async function inState(server: TestServer, situation: Situation, length = 100): Promise<Held> {
  repositories += 1;
  const repoKey = `repo-${repositories}`;
  await server.createRepository(repoKey);
  const bytes = uniqueBytes(length);
  switch (situation) {
    case 'initiated':
      return await start(server, repoKey, bytes);
    case 'parts_uploading':
      return await withPart(server, await start(server, repoKey, bytes));
    case 'pending_commit':
      return await completed(server, repoKey, bytes);
    case 'committed':
      return await committed(server, await completed(server, repoKey, bytes), 200);
    case 'committed by dedupe':
      await upload(server, repoKey, bytes);
      return await start(server, repoKey, bytes);
    case 'aborted by its client':
      return await aborted(server, await withPart(server, await start(server, repoKey, bytes)));
    case 'aborted by another digest':
      return await committed(server, await completed(server, repoKey, bytes, { digest: sha256(uniqueBytes()) }), 409);
    case 'aborted by another length':
      return await committed(server, await completed(server, repoKey, bytes, { length: length + 1 }), 409);
    case 'aborted by the sweep': {
      const held = pastItsTime(server, await withPart(server, await start(server, repoKey, bytes)));
      await server.runWorker();
      return held;
    }
    case 'initiated, past its time':
      return pastItsTime(server, await start(server, repoKey, bytes));
    case 'parts_uploading, past its time':
      return pastItsTime(server, await withPart(server, await start(server, repoKey, bytes)));
    case 'pending_commit, past its time':
      return pastItsTime(server, await completed(server, repoKey, bytes));
    case 'of a deleted repository': {
      const held = await withPart(server, await start(server, repoKey, bytes));
      must(await server.request('DELETE', `/v1/repos/${repoKey}`), 200);
      return held;
    }
  }
}

async function start(
  server: TestServer,
  repoKey: string,
  bytes: Buffer,
  declared: { digest?: string; length?: number } = {},
): Promise<Held> {
  const session = await createSession(server, repoKey, { digest: sha256(bytes), length: bytes.length, ...declared });
  return { ...session, repoKey, bytes, etag: sha256(bytes) };
}

async function withPart(server: TestServer, held: Held): Promise<Held> {
  return { ...held, etag: await sendPart(server, held, held.bytes) };
}

async function completed(
  server: TestServer,
  repoKey: string,
  bytes: Buffer,
  declared: { digest?: string; length?: number } = {},
): Promise<Held> {
  const held = await withPart(server, await start(server, repoKey, bytes, declared));
  must(await complete(server, held, held.etag), 200);
  return held;
}

async function committed(server: TestServer, held: Held, status: number): Promise<Held> {
  must(await server.request('POST', `${held.path}/commit`), status);
  return held;
}

async function aborted(server: TestServer, held: Held): Promise<Held> {
  must(await server.request('POST', `${held.path}/abort`), 200);
  return held;
}

function pastItsTime(server: TestServer, held: Held): Held {
  server.clock.advance({ seconds: UPLOAD_TTL_SECONDS });
  return held;
}

function must(reply: Reply, status: number): void {
  if (reply.status !== status) throw new Error(`${reply.status} instead of ${status}: ${reply.bytes.toString()}`);
}

/** A first part as large as must be, so that there may be a second: such an object is proved by reading it back. */
const FIRST_PART = uniqueBytes(5 * 1024 ** 2);

/** An upload of two parts in `pending_commit`, or, told to, before its completion. */
export async function twoParts(
  server: TestServer,
  repoKey: string,
  options: { digest?: string; complete?: boolean } = {},
): Promise<Held & { etags: string[] }> {
  const parts = [FIRST_PART, uniqueBytes(100)];
  const bytes = Buffer.concat(parts);
  const held = await start(server, repoKey, bytes, options.digest === undefined ? {} : { digest: options.digest });
  const etags: string[] = [];
  for (const [index, part] of parts.entries()) {
    etags.push(await sendPart(server, held, part, { partNumber: index + 1 }));
  }
  if (options.complete !== false) must(await complete(server, held, ...etags), 200);
  return { ...held, etags };
}
