import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sql } from 'kysely';
import { createIds } from '../../src/kernel/ids.ts';
import { digestSchema } from '../../src/objects/digest.ts';
import { createPartUrlSigner } from '../../src/objects/filesystem/part-url.ts';
import { type FilesystemStore, openFilesystemStore } from '../../src/objects/filesystem/store.ts';
import { type ObjectKey, objectKey } from '../../src/objects/keys.ts';
import { createTestClock, type TestClock } from '../support/test-clock.ts';
import { startTestServer } from '../support/test-server.ts';
import { createSession, sha256, uniqueBytes } from '../support/uploading.ts';
import type { StoreUnderTest } from './object-store-contract.ts';

const run = promisify(execFile);

/** The store of a whole server: its part URLs point at the server's own route, which asks the database about the session. */
export async function openFolderOfServer(): Promise<StoreUnderTest> {
  const server = await startTestServer();
  await server.createRepository('apps');
  return {
    store: server.running.services.objects,
    async newKey() {
      const { uploadId, created } = await createSession(server, 'apps', uniqueBytes());
      await server.running.services.db.query(sql`
        update upload_sessions set state = 'parts_uploading', multipart_id = 'folder', checksummed = false
        where upload_id = ${uploadId}::uuid`);
      return objectKey(digestSchema.parse(created.json.expectedDigest), uploadId);
    },
    async putPart(url, headers, bytes) {
      const { status, headers: answered } = await server.request('PUT', url, { token: null, body: bytes, headers });
      return { status, etag: (answered.get('etag') ?? '').replaceAll('"', '') };
    },
    close: () => server.close(),
  };
}

export interface Folder extends AsyncDisposable {
  root: string;
  clock: TestClock;
  open(clock?: TestClock): Promise<FilesystemStore>;
}

/** A folder for a bare store. */
export async function makeFolder(root?: string): Promise<Folder> {
  const parent = await mkdtemp(join(tmpdir(), 'artifortress-objects-'));
  const clock = createTestClock();
  const folder = root ?? join(parent, 'objects');
  return {
    root: folder,
    clock,
    async open(ownClock = clock) {
      const signer = createPartUrlSigner(Buffer.alloc(32), () => 'http://localhost');
      return await openFilesystemStore({ root: folder, signer, clock: ownClock, ids: createIds(ownClock) });
    },
    async [Symbol.asyncDispose]() {
      await rm(parent, { recursive: true, force: true });
    },
  };
}

export function keyOf(bytes: Uint8Array): ObjectKey {
  return objectKey(digestSchema.parse(sha256(bytes)), crypto.randomUUID());
}

/** A small disk of its own. */
export interface SmallDisk extends AsyncDisposable {
  path: string;
  remount(options: string): Promise<void>;
}

/** @returns undefined where this process may not mount. */
export async function mountSmallDisk(size: string): Promise<SmallDisk | undefined> {
  const path = await mkdtemp(join(tmpdir(), 'artifortress-disk-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path]);
  } catch {
    await rm(path, { recursive: true });
    return undefined;
  }
  return {
    path,
    remount: async (options) => {
      await run('mount', ['-o', `remount,${options}`, path]);
    },
    async [Symbol.asyncDispose]() {
      await run('umount', ['--lazy', path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}
