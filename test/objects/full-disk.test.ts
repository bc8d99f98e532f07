import { readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { bodyOf, complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { filesOf, foldersOf, rowOf } from '../uploads/inspect.ts';
import { keyOf, makeFolder, mountSmallDisk, type SmallDisk } from './folder.ts';

const MEBIBYTE = 1024 ** 2;
const disk: SmallDisk | undefined = await mountSmallDisk('4m');

if (disk === undefined) {
  process.stderr.write(
    'SKIPPED: test/objects/full-disk.test.ts has to mount a small tmpfs, which this process may not.\n',
  );
}

describe.skipIf(disk === undefined)('a disk that is full', () => {
  let server: TestServer;
  let path = '';

  beforeAll(async () => {
    path = disk?.path ?? '';
    server = await startTestServer({ dataDirectory: path });
    await server.createRepository('apps');
  });

  afterAll(async () => {
    await server.close();
    await server.database.drop();
    await disk?.[Symbol.asyncDispose]();
  });

  const fill = async () => {
    for (let size = 4 * MEBIBYTE; size >= 4096; size /= 2) {
      const file = join(path, `filler-${size}`);
      await writeFile(file, Buffer.alloc(size)).catch(() => undefined);
    }
  };
  const free = async () => {
    const fillers = (await readdir(path)).filter((name) => name.startsWith('filler-'));
    await Promise.all(fillers.map((name) => rm(join(path, name))));
  };

  async function askForPart(bytes: Buffer) {
    const session = await createSession(server, 'apps', bytes);
    const { json } = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    return { session, put: () => server.request('PUT', json.uploadUrl, { token: null, body: bytes }) };
  }

  test('is the error "full" of the store, and nothing is left', async () => {
    await using folder = await makeFolder(join(path, 'bare'));
    const store = await folder.open();
    const bytes = uniqueBytes(5 * MEBIBYTE);
    const key = keyOf(bytes);
    await expect(store.put(key, bodyOf(bytes), bytes.length)).rejects.toMatchObject({ kind: 'full' });
    await expect(readdir(join(folder.root, key))).rejects.toThrow('ENOENT');
    await rm(folder.root, { recursive: true });
  });

  test.each([1000, 3 * MEBIBYTE])(
    'is a 507 to a part of %i bytes, state kept, and the part works later',
    async (length) => {
      const bytes = uniqueBytes(length);
      const { session, put } = await askForPart(bytes);
      await fill();
      const refused = await put();
      expect([refused.status, refused.json?.error, refused.headers.get('retry-after')]).toEqual([
        507,
        'insufficient_storage',
        '5',
      ]);
      const { state, objectKey } = await rowOf(server, session.uploadId);
      expect([state, await filesOf(server, objectKey)]).toEqual(['parts_uploading', []]);
      await free();
      const { status, headers } = await put();
      expect(status).toBe(200);
      await complete(server, session, headers.get('etag') ?? '');
      expect((await server.request('POST', `${session.path}/commit`)).status).toBe(200);
      await server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
      server.clock.advance({ seconds: 1 });
      await server.running.services.objects.purge(objectKey);
    },
  );

  test('is none to a completion that takes no room: of one part of the declared digest', async () => {
    const bytes = uniqueBytes();
    const session = await createSession(server, 'apps', bytes);
    const etag = await sendPart(server, session, bytes);
    await fill();
    expect((await complete(server, session, etag)).status).toBe(200);
    await free();
  });

  test('is a 507 to a completion that takes some, state kept, and the completion works later', async () => {
    const session = await createSession(server, 'apps', uniqueBytes());
    const etag = await sendPart(server, session, uniqueBytes());
    await fill();
    const refused = await complete(server, session, etag);
    expect([refused.status, refused.json.error]).toEqual([507, 'insufficient_storage']);
    expect(await rowOf(server, session.uploadId)).toMatchObject({ state: 'parts_uploading' });
    await free();
    expect((await complete(server, session, etag)).status).toBe(200);
  });

  test.each([1000, 3 * MEBIBYTE])(
    'is a 507 to an upload of %i bytes in one request, which leaves nothing',
    async (length) => {
      const bytes = uniqueBytes(length);
      await fill();
      const put = () => server.request('PUT', `/v1/repos/apps/blobs/${sha256(bytes)}`, { body: bytes });
      const refused = await put();
      expect([refused.status, refused.json?.error]).toEqual([507, 'insufficient_storage']);
      expect(await foldersOf(server, sha256(bytes))).toEqual([]);
      await free();
      expect((await server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`)).status).toBe(404);
    },
  );

  test('still serves what it holds', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    await fill();
    expect((await server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`)).bytes.equals(bytes)).toBe(true);
    await free();
  });

  test('or read-only is a 503 to a part that tells nothing of the disk, state kept', async () => {
    const { session, put } = await askForPart(uniqueBytes());
    await disk?.remount('ro');
    const refused = await put();
    await disk?.remount('rw');
    expect([refused.status, refused.json.error]).toEqual([503, 'storage_access_denied']);
    expect(refused.bytes.toString()).not.toContain(path);
    expect(await rowOf(server, session.uploadId)).toMatchObject({ state: 'parts_uploading' });
  });
});
