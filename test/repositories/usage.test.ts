import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../support/uploading.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

interface Usage {
  blobCount: number;
  totalBytes: number;
}

async function usageOf(repoKey: string): Promise<Usage> {
  const { json } = await server.request('GET', `/v1/repos/${repoKey}`);
  return { blobCount: json.blobCount, totalBytes: json.totalBytes };
}

/** Counted, not kept: what the kept numbers have to agree with. */
async function countedIn(repoKey: string): Promise<Usage> {
  const { json } = await server.request('GET', `/v1/repos/${repoKey}/blobs?limit=500`);
  const lengths: number[] = json.items.map((item: { length: number }) => item.length);
  return { blobCount: lengths.length, totalBytes: lengths.reduce((sum, length) => sum + length, 0) };
}

describe('a repository says how many blobs and bytes it holds:', () => {
  test('none when it is new', async () => {
    await server.createRepository('fresh');
    expect(await usageOf('fresh')).toEqual({ blobCount: 0, totalBytes: 0 });
  });

  test('one more after a commit, once, however often the same bytes come', async () => {
    await server.createRepository('repeated');
    const bytes = uniqueBytes(1234);
    await upload(server, 'repeated', bytes);
    await upload(server, 'repeated', bytes);
    expect(await usageOf('repeated')).toEqual({ blobCount: 1, totalBytes: 1234 });
  });

  test('also what it shares with another repository', async () => {
    await server.createRepository('one');
    await server.createRepository('two');
    const bytes = uniqueBytes(500);
    await upload(server, 'one', bytes);
    await server.request('PUT', `/v1/repos/two/blobs/${sha256(bytes)}`, { body: bytes });
    expect([await usageOf('one'), await usageOf('two')]).toEqual([
      { blobCount: 1, totalBytes: 500 },
      { blobCount: 1, totalBytes: 500 },
    ]);
  });

  test('one less after a deletion', async () => {
    await server.createRepository('shrinking');
    const [kept, dropped] = [uniqueBytes(100), uniqueBytes(200)];
    await upload(server, 'shrinking', kept);
    await upload(server, 'shrinking', dropped);
    await server.request('DELETE', `/v1/repos/shrinking/blobs/${sha256(dropped)}`);
    expect(await usageOf('shrinking')).toEqual({ blobCount: 1, totalBytes: 100 });
  });

  test('nothing again where its key was deleted and made anew', async () => {
    await server.createRepository('again');
    await upload(server, 'again', uniqueBytes());
    await server.request('DELETE', '/v1/repos/again');
    await server.createRepository('again');
    await server.runWorker();
    expect(await usageOf('again')).toEqual({ blobCount: 0, totalBytes: 0 });
  });

  test('what a count says, after many commits and deletions at once', async () => {
    await server.createRepository('busy');
    const contents = Array.from({ length: 24 }, (_, index) => uniqueBytes(100 + index));
    const put = (bytes: Buffer) => server.request('PUT', `/v1/repos/busy/blobs/${sha256(bytes)}`, { body: bytes });
    await Promise.all(contents.map(put));
    await Promise.all(
      contents.map((bytes, index) =>
        index % 3 === 0 ? server.request('DELETE', `/v1/repos/busy/blobs/${sha256(bytes)}`) : put(bytes),
      ),
    );
    const counted = await countedIn('busy');
    expect(counted.blobCount).toBe(16);
    expect(await usageOf('busy')).toEqual(counted);
  });

  test('what a count says, also after commits beside changes that hang', async () => {
    await server.createRepository('beside');
    await upload(server, 'beside', uniqueBytes());
    const { db } = server.running.services;
    await db.query(sql`
      insert into repository_usage (repo_id, slot, blob_count, total_bytes)
      select r.repo_id, slot, 0, 0 from repositories r, generate_series(0, 31) slot where r.repo_key = 'beside'
      on conflict do nothing`);
    await db.transaction(async (hanging) => {
      await hanging.query(sql`
        select from repository_usage u join repositories r using (repo_id) where r.repo_key = 'beside' for update of u`);
      const bytes = uniqueBytes();
      const reply = await server.request('PUT', `/v1/repos/beside/blobs/${sha256(bytes)}`, { body: bytes });
      expect(reply.status).toBe(201);
    });
    expect(await usageOf('beside')).toEqual(await countedIn('beside'));
  });

  test('in the list as well', async () => {
    const { json } = await server.request('GET', '/v1/repos?limit=500');
    const busy = json.items.find((item: { repoKey: string }) => item.repoKey === 'busy');
    expect(busy).toMatchObject(await countedIn('busy'));
  });
});
