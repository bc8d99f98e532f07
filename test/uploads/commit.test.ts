import { readdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pathOf } from '../../src/objects/filesystem/layout.ts';
import type { ObjectKey } from '../../src/objects/keys.ts';
import { readTrail } from '../audit/trail.ts';
import { ON_FOLDER } from '../support/store-under-test.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes } from '../support/uploading.ts';
import { inState, twoParts } from './in-state.ts';
import { blobOf, rowOf } from './inspect.ts';

let server: TestServer;
let reads = 0;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  const { services } = server.running;
  const { verifications } = services;
  services.verifications = {
    ...verifications,
    advance: (attribution, session) => {
      reads += 1;
      return verifications.advance(attribution, session);
    },
  };
});

afterAll(() => server.close());

const commit = (held: { path: string }) => server.request('POST', `${held.path}/commit`);

async function proofOf(uploadId: string): Promise<unknown> {
  const [row] = await readTrail(server, { resourceId: uploadId, action: 'upload.committed' });
  return row?.details.proof;
}

describe('the digest is proved', () => {
  // A store that hashes nothing by itself has to be read where no checksum was announced.
  test.each(ON_FOLDER ? [false, true] : [true])(
    'of one part without reading a byte back (checksummed: %s)',
    async (checksummed) => {
      const bytes = uniqueBytes();
      const session = await createSession(server, 'apps', bytes);
      await complete(server, session, await sendPart(server, session, bytes, { checksummed }));
      const before = reads;
      expect((await commit(session)).status).toBe(200);
      expect([reads - before, await proofOf(session.uploadId)]).toEqual([0, 'store_checksum']);
    },
  );

  test('of two parts by reading them', async () => {
    const held = await twoParts(server, 'apps');
    const before = reads;
    expect((await commit(held)).status).toBe(200);
    expect([reads - before, await proofOf(held.uploadId)]).toEqual([1, 'full_read']);
  });

  test('not where the length tells already', async () => {
    const held = await inState(server, 'aborted by another length');
    const before = reads;
    await commit(held);
    expect(reads).toBe(before);
  });
});

describe('bytes that can not be read prove nothing:', () => {
  async function cut(key: ObjectKey): Promise<void> {
    const folder = pathOf(join(server.dataDirectory, 'objects'), key);
    const part = (await readdir(folder)).find((name) => name.startsWith('part-00002'));
    await truncate(join(folder, part ?? 'part-00002 is missing'), 50);
  }

  const testOnFolder = ON_FOLDER ? test : () => {};
  testOnFolder('an object that is too short is a 503, state kept', async () => {
    const held = await twoParts(server, 'apps');
    await cut((await rowOf(server, held.uploadId)).objectKey);
    const { status, json, headers } = await commit(held);
    expect([status, json.error, headers.get('retry-after')]).toEqual([503, 'service_unavailable', '5']);
    expect(await rowOf(server, held.uploadId)).toMatchObject({ state: 'pending_commit', verificationUntil: null });
  });

  test('an object that is gone is a 503 that tells nothing of the store', async () => {
    const held = await twoParts(server, 'apps');
    const { objectKey } = await rowOf(server, held.uploadId);
    await server.running.services.objects.purge(objectKey);
    const { status, bytes } = await commit(held);
    expect(status).toBe(503);
    expect(bytes.toString()).not.toContain(sha256(held.bytes));
  });
});

test('what is committed is listed with its length and by whom', async () => {
  const held = await inState(server, 'committed');
  const { json } = await server.request('GET', `/v1/repos/${held.repoKey}/blobs`);
  expect(json.items).toMatchObject([{ digest: sha256(held.bytes), length: held.bytes.length, createdBy: 'root' }]);
});

test('the same bytes committed in a second repository are one blob', async () => {
  const bytes = uniqueBytes();
  await server.createRepository('libs');
  const sessions = [await createSession(server, 'apps', bytes), await createSession(server, 'libs', bytes)];
  for (const session of sessions) {
    await complete(server, session, await sendPart(server, session, bytes));
    expect((await commit(session)).status).toBe(200);
  }
  expect(await blobOf(server, sha256(bytes))).toMatchObject({
    state: 'live',
    objectKey: expect.stringContaining(sessions[0]?.uploadId ?? ''),
  });
});

test('a commit revives a condemned blob on the object that it had', async () => {
  const held = await inState(server, 'committed');
  const before = await blobOf(server, sha256(held.bytes));
  await server.request('DELETE', `/v1/repos/${held.repoKey}/blobs/${sha256(held.bytes)}`);
  const session = await createSession(server, 'apps', held.bytes);
  await complete(server, session, await sendPart(server, session, held.bytes));
  await commit(session);
  expect(await blobOf(server, sha256(held.bytes))).toEqual(before);
});

test.each(['damaged', 'deleting'])('a commit puts a blob that is %s on its own object', async (state) => {
  const held = await inState(server, 'committed');
  const digest = sha256(held.bytes);
  await server.request('DELETE', `/v1/repos/${held.repoKey}/blobs/${digest}`);
  await server.running.services.db.query(sql`update blobs set state = ${state} where digest = ${digest}`);
  const session = await createSession(server, 'apps', held.bytes);
  await complete(server, session, await sendPart(server, session, held.bytes));
  await commit(session);
  const { objectKey } = await rowOf(server, session.uploadId);
  expect(await blobOf(server, digest)).toEqual({ state: 'live', objectKey });
});
