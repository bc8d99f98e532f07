import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTrail } from '../audit/trail.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { blobOf, expectSound, foldersOf, trailOf } from '../uploads/inspect.ts';
import { jobsOf, whilePurgesFail } from './jobs.ts';

let server: TestServer;
const DELAY_SECONDS = 600;

beforeAll(async () => {
  server = await startTestServer({ settings: { deletionDelaySeconds: DELAY_SECONDS } });
  await server.createRepository('apps');
  await server.createRepository('libs');
});

afterAll(() => server.close());

const drop = (repoKey: string, digest: string) => server.request('DELETE', `/v1/repos/${repoKey}/blobs/${digest}`);

/** A blob whose only reference was dropped just now. */
async function condemned(): Promise<{ digest: string; bytes: Buffer }> {
  const bytes = uniqueBytes();
  await upload(server, 'apps', bytes);
  await drop('apps', sha256(bytes));
  return { digest: sha256(bytes), bytes };
}

async function afterSeconds(seconds: number): Promise<void> {
  server.clock.advance({ seconds });
  await server.runWorker();
}

test('a blob without a reference is deleted after the delay, row and bytes', async () => {
  const { digest } = await condemned();
  await afterSeconds(DELAY_SECONDS);
  expect([await blobOf(server, digest), await foldersOf(server, digest)]).toEqual([undefined, []]);
});

test('and not before it', async () => {
  const { digest } = await condemned();
  await afterSeconds(DELAY_SECONDS - 10);
  expect(await blobOf(server, digest)).toMatchObject({ state: 'condemned' });
  expect(await foldersOf(server, digest)).toHaveLength(1);
});

test('each step leaves its row, the last one by the system', async () => {
  const { digest } = await condemned();
  await afterSeconds(DELAY_SECONDS);
  expect(await trailOf(server, digest)).toEqual(['blob.reference.deleted', 'blob.condemned', 'blob.object.deleted']);
  expect((await readTrail(server, { resourceId: digest }))[0]).toMatchObject({ actor: 'system', requestId: null });
});

test('a blob that another repository holds is not condemned', async () => {
  const bytes = uniqueBytes();
  await upload(server, 'apps', bytes);
  await upload(server, 'libs', bytes);
  await drop('apps', sha256(bytes));
  expect(await blobOf(server, sha256(bytes))).toMatchObject({ state: 'live' });
  expect((await jobsOf(server)).filter((job) => job.payload.digest === sha256(bytes))).toEqual([]);
});

test('a blob that was revived in between is not deleted', async () => {
  const { digest, bytes } = await condemned();
  await upload(server, 'libs', bytes);
  await afterSeconds(DELAY_SECONDS);
  expect(await blobOf(server, digest)).toMatchObject({ state: 'live' });
  expect((await server.request('GET', `/v1/repos/libs/blobs/${digest}`)).bytes.equals(bytes)).toBe(true);
});

test('a blob that was revived and condemned anew waits its own full delay', async () => {
  const { digest, bytes } = await condemned();
  await afterSeconds(DELAY_SECONDS / 2);
  await upload(server, 'apps', bytes);
  await drop('apps', digest);
  await afterSeconds(DELAY_SECONDS / 2);
  expect(await blobOf(server, digest)).toMatchObject({ state: 'condemned' });
  await afterSeconds(DELAY_SECONDS / 2);
  expect(await blobOf(server, digest)).toBeUndefined();
});

test('a deletion that fails at the store is gone on with', async () => {
  const { digest } = await condemned();
  await whilePurgesFail(server, async () => {
    await afterSeconds(DELAY_SECONDS);
    expect(await blobOf(server, digest)).toMatchObject({ state: 'deleting' });
  });
  await afterSeconds(DELAY_SECONDS);
  expect([await blobOf(server, digest), await foldersOf(server, digest)]).toEqual([undefined, []]);
});

test('a blob that is being deleted is healed by a new upload, which the deletion then leaves alone', async () => {
  const { digest, bytes } = await condemned();
  await whilePurgesFail(server, async () => {
    await afterSeconds(DELAY_SECONDS);
  });
  await upload(server, 'apps', bytes);
  await afterSeconds(DELAY_SECONDS);
  expect(await blobOf(server, digest)).toMatchObject({ state: 'live' });
  expect((await server.request('GET', `/v1/repos/apps/blobs/${digest}`)).bytes.equals(bytes)).toBe(true);
});

test('a deleted blob leaves nothing of a deletion that crashed before its last step', async () => {
  const { digest } = await condemned();
  const key = (await blobOf(server, digest))?.objectKey ?? null;
  await server.running.services.db.query(sql`update blobs set state = 'deleting' where digest = ${digest}`);
  if (key !== null) await server.running.services.objects.purge(key);
  await afterSeconds(DELAY_SECONDS);
  expect(await blobOf(server, digest)).toBeUndefined();
  expect(await trailOf(server, digest)).toContain('blob.object.deleted');
});

test('a condemned blob is not found any more', async () => {
  const { digest } = await condemned();
  expect((await server.request('GET', `/v1/repos/apps/blobs/${digest}`)).status).toBe(404);
});

test('no row is left without its byte, and no byte without its row', async () => {
  await condemned();
  await server.runWorker();
  await expectSound(server);
});
