import { sql } from 'kysely';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { blobOf, count, foldersOf, trailOf } from '../uploads/inspect.ts';

let server: TestServer;
let repositories = 0;
const DELAY_SECONDS = 600;

beforeAll(async () => {
  server = await startTestServer({ settings: { deletionDelaySeconds: DELAY_SECONDS } });
  await server.createRepository('keeper');
});

afterAll(() => server.close());

async function repository(): Promise<string> {
  repositories += 1;
  const repoKey = `repo-${repositories}`;
  await server.createRepository(repoKey);
  return repoKey;
}

test('what only the deleted repository held is condemned, and gone after the delay', async () => {
  const repoKey = await repository();
  const bytes = uniqueBytes();
  await upload(server, repoKey, bytes);
  await server.request('DELETE', `/v1/repos/${repoKey}`);
  await server.runWorker();
  expect(await blobOf(server, sha256(bytes))).toMatchObject({ state: 'condemned' });
  server.clock.advance({ seconds: DELAY_SECONDS });
  await server.runWorker();
  expect([await blobOf(server, sha256(bytes)), await foldersOf(server, sha256(bytes))]).toEqual([undefined, []]);
});

test('what another repository holds as well stays', async () => {
  const repoKey = await repository();
  const bytes = uniqueBytes();
  await upload(server, repoKey, bytes);
  await upload(server, 'keeper', bytes);
  await server.request('DELETE', `/v1/repos/${repoKey}`);
  await server.runWorker();
  expect(await blobOf(server, sha256(bytes))).toMatchObject({ state: 'live' });
});

test('each dropped reference leaves its row', async () => {
  const repoKey = await repository();
  const bytes = uniqueBytes();
  await upload(server, repoKey, bytes);
  await server.request('DELETE', `/v1/repos/${repoKey}`);
  await server.runWorker();
  expect(await trailOf(server, sha256(bytes))).toEqual(['blob.reference.deleted', 'blob.condemned']);
});

test('more references than fit one transaction are dropped all the same', async () => {
  const repoKey = await repository();
  const { db } = server.running.services;
  await db.query(sql`
    with b as (
      insert into blobs (tenant_id, digest, length_bytes, state, object_key, created_at)
      select 'default', encode(sha256(('many ' || n)::bytea), 'hex'), 1, 'live', 'many ' || n, now()
      from generate_series(1, 1203) n returning digest
    )
    insert into blob_references (tenant_id, repo_id, digest, length_bytes, created_at, created_by)
    select 'default', (select repo_id from repositories where repo_key = ${repoKey}), digest, 1, now(), 'seed' from b`);
  await server.request('DELETE', `/v1/repos/${repoKey}`);
  await server.runWorker();
  const left = sql<{ n: number }>`select count(*) as n from blob_references where created_by = 'seed'`;
  const condemned = sql<{
    n: number;
  }>`select count(*) as n from blobs where object_key like 'many %' and state = 'condemned'`;
  expect([await count(server, left), await count(server, condemned)]).toEqual([0, 1203]);
});

test('a new repository of that key is empty, and keeps what is put into it', async () => {
  const repoKey = await repository();
  const [old, fresh] = [uniqueBytes(), uniqueBytes()];
  await upload(server, repoKey, old);
  await server.request('DELETE', `/v1/repos/${repoKey}`);
  await server.createRepository(repoKey);
  expect((await createSession(server, repoKey, old)).created.status).toBe(201);
  await upload(server, repoKey, fresh);
  await server.runWorker();
  const { json } = await server.request('GET', `/v1/repos/${repoKey}/blobs`);
  expect(json.items).toMatchObject([{ digest: sha256(fresh) }]);
});
