import { blobPath, put, rowsOf } from '../../blobs/support.ts';
import type { TestServer } from '../../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes } from '../../support/uploading.ts';

/** Bytes that somebody asks about who may not know whether they are here. */
export interface Hidden {
  bytes: Buffer;
  digest: string;
  /** Where the store has them, or would have them. */
  objectKey: string;
}

/** A way in which bytes may be here without being the caller's to know of. */
interface HidingPlace {
  hide(server: TestServer, hidden: Hidden): Promise<unknown>;
  /** What it costs more to take these bytes in than bytes that are nowhere, but for statements that run a second time. */
  extraWork: string[];
}

export const HIDDEN_BYTES = 1000;

/** The repository of the caller, and the one that the caller may not see. */
export const OWN = 'apps';
export const VAULT = 'vault';

export function nowhere(): Hidden {
  const bytes = uniqueBytes(HIDDEN_BYTES);
  const digest = sha256(bytes);
  return { bytes, digest, objectKey: `blobs/sha256/${digest.slice(0, 2)}/${digest}/${crypto.randomUUID()}-1` };
}

/**
 * Bytes that are sent whole are kept once: what the blob already stands on is looked at before they are given up for it, outside of
 * the transaction, which is why that begins anew. Only who has the bytes, and sends all of them, can come to measure this.
 */
const LOOKS_AT_THE_OTHER_OBJECT = ['rollback', 'store: head', 'begin', 'insert into jobs'];

export const HIDING_PLACES: Readonly<Record<string, HidingPlace>> = {
  'in another repository': {
    hide: (server, hidden) => store(server, VAULT, hidden),
    extraWork: LOOKS_AT_THE_OTHER_OBJECT,
  },
  'in another repository, and once in the caller’s': {
    async hide(server, hidden) {
      await store(server, VAULT, hidden);
      await store(server, OWN, hidden);
      await drop(server, OWN, hidden);
    },
    extraWork: LOOKS_AT_THE_OTHER_OBJECT,
  },
  'in a deleted repository': {
    async hide(server, hidden) {
      const repoKey = `doomed-${hidden.digest.slice(0, 16)}`;
      await server.createRepository(repoKey);
      await store(server, repoKey, hidden);
      must(await server.request('DELETE', `/v1/repos/${repoKey}`), 200);
    },
    extraWork: LOOKS_AT_THE_OTHER_OBJECT,
  },
  'in no repository any more, their removal still to come': {
    async hide(server, hidden) {
      await store(server, VAULT, hidden);
      await drop(server, VAULT, hidden);
    },
    extraWork: [...LOOKS_AT_THE_OTHER_OBJECT.slice(0, -1), 'update blobs', 'insert into jobs'],
  },
  'in another repository, damaged': {
    async hide(server, hidden) {
      await store(server, VAULT, hidden);
      await rowsOf(server, `update blobs set state = 'damaged' where digest = $1`, hidden.digest);
    },
    // These bytes heal it.
    extraWork: ['update blobs', 'insert into audit_events', 'insert into jobs'],
  },
  'in an upload to another repository': {
    async hide(server, { bytes }) {
      const session = await createSession(server, VAULT, bytes);
      must(await complete(server, session, await sendPart(server, session, bytes)), 200);
    },
    extraWork: [],
  },
};

/** @returns the bytes with the key of the object that holds them. */
export async function hide(server: TestServer, place: string): Promise<Hidden> {
  const hidden = nowhere();
  await HIDING_PLACES[place]?.hide(server, hidden);
  const [session] = await rowsOf<{ objectKey: string }>(
    server,
    `select object_key as "objectKey" from upload_sessions where expected_digest = $1 and object_key is not null`,
    hidden.digest,
  );
  if (session === undefined) throw new Error('nothing is hidden');
  return { ...hidden, ...session };
}

async function store(server: TestServer, repoKey: string, { bytes }: Hidden): Promise<void> {
  const reply = await put(server, repoKey, bytes);
  if (reply.status !== 201 && reply.status !== 200) throw new Error(`not stored: ${reply.bytes.toString()}`);
}

async function drop(server: TestServer, repoKey: string, { digest }: Hidden): Promise<void> {
  must(await server.request('DELETE', blobPath(repoKey, digest)), 200);
}

function must(reply: { status: number; bytes: Buffer }, status: number): void {
  if (reply.status !== status) throw new Error(`${reply.status} instead of ${status}: ${reply.bytes.toString()}`);
}
