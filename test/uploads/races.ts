import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestClock } from '../support/test-clock.ts';
import { type Reply, startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { inState, twoParts, UPLOAD_TTL_SECONDS } from './in-state.ts';
import { blobOf, count, expectSound, filesOf, foldersOf, repeatedly, rowOf, trailOf } from './inspect.ts';

/** Races show only now and then: each is run this often, on what nobody used before. */
const ROUNDS = 20;

const statuses = (replies: readonly Reply[]) =>
  replies.map((reply) => reply.status).sort((left, right) => left - right);

/**
 * Sends a part, and once more where an S3 store answers 500, as every S3 client does: versitygw does so where the upload is completed
 * while the part's bytes come in, and says 404 from then on. Our own part URLs never may.
 */
async function sendLate(server: TestServer, url: string, bytes: Buffer): Promise<Reply> {
  const send = () => server.request('PUT', url, { token: null, body: bytes });
  const reply = await send();
  return reply.status === 500 && server.running.services.objects.driver === 's3' ? await send() : reply;
}

/** Everything that can meet everything else, on one server or on several that share a database and a folder. */
export function describeRaces(setup: string, serverCount: number): void {
  describe(setup, () => races(serverCount));
}

function races(serverCount: number): void {
  const clock = createTestClock();
  let servers: TestServer[];
  let server: TestServer;

  beforeAll(async () => {
    const settings = { uploadTtlSeconds: UPLOAD_TTL_SECONDS, deletionDelaySeconds: 0 };
    server = await startTestServer({ clock, settings });
    const { database, dataDirectory } = server;
    const replica = async () => await startTestServer({ clock, settings, database, dataDirectory });
    servers = serverCount === 1 ? [server] : [server, await replica()];
    await server.createRepository('apps');
    await server.createRepository('libs');
  });

  afterAll(async () => {
    // The one that owns the database and the folder is the last to go.
    for (const one of servers.toReversed()) await one.close();
  });

  /** The server that the n-th of some requests at once goes to. */
  const at = (index: number): TestServer => servers[index % servers.length] ?? server;
  const post = (index: number, held: { path: string }, action: string, json?: unknown) =>
    at(index).request('POST', `${held.path}/${action}`, { json });
  const read = async (repoKey: string, digest: string) =>
    await server.request('GET', `/v1/repos/${repoKey}/blobs/${digest}`);

  test('two commits of one session answer the same, once', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'pending_commit');
      const [left, right] = await Promise.all([post(0, held, 'commit'), post(1, held, 'commit')]);
      expect([left.status, right.status, left.json]).toEqual([200, 200, right.json]);
      expect((await trailOf(server, held.uploadId)).filter((row) => row === 'upload.committed')).toHaveLength(1);
    }));

  test('two commits of a session that has to be read back end in the same answer', () =>
    repeatedly(ROUNDS, async () => {
      const held = await twoParts(server, 'apps');
      const replies = await Promise.all([post(0, held, 'commit'), post(1, held, 'commit')]);
      // Who comes while another server is reading is told to ask again, and so it does.
      for (const reply of replies) expect([200, 202]).toContain(reply.status);
      await expect
        .poll(async () => statuses([await post(0, held, 'commit'), await post(1, held, 'commit')]))
        .toEqual([200, 200]);
      expect((await trailOf(server, held.uploadId)).filter((row) => row === 'upload.committed')).toHaveLength(1);
    }));

  test('two commits of other bytes than declared tell the same mismatch, once', () =>
    repeatedly(ROUNDS, async () => {
      const session = await createSession(server, 'apps', { digest: sha256(uniqueBytes()), length: 100 });
      const bytes = uniqueBytes(100);
      await complete(server, session, await sendPart(server, session, bytes));
      const [left, right] = await Promise.all([post(0, session, 'commit'), post(1, session, 'commit')]);
      for (const { status, json } of [left, right]) {
        expect([status, json.error, json.actualDigest]).toEqual([409, 'upload_verification_failed', sha256(bytes)]);
      }
      const trail = await trailOf(server, session.uploadId);
      expect(trail.filter((row) => row === 'upload.commit.verification_failed')).toHaveLength(1);
    }));

  test('of a commit and an abort one is done and the other refused', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'pending_commit');
      const [commit, abort] = await Promise.all([post(0, held, 'commit'), post(1, held, 'abort')]);
      const { state } = await rowOf(server, held.uploadId);
      expect([commit.status, abort.status, state]).toEqual(
        state === 'committed' ? [200, 409, 'committed'] : [409, 200, 'aborted'],
      );
      expect((await read(held.repoKey, sha256(held.bytes))).status).toBe(state === 'committed' ? 200 : 404);
    }));

  test('of a commit that reads back and an abort with its clean-up one is done and the other refused', () =>
    repeatedly(ROUNDS, async () => {
      const held = await twoParts(server, 'apps');
      const abortAndCleanUp = async () => {
        const reply = await post(1, held, 'abort');
        await at(1).runWorker();
        return reply;
      };
      const [commit, abort] = await Promise.all([post(0, held, 'commit'), abortAndCleanUp()]);
      const { state } = await rowOf(server, held.uploadId);
      expect([commit.status, abort.status]).toEqual(state === 'committed' ? [200, 409] : [409, 200]);
    }));

  test('complete twice at once answers the same, once', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'parts_uploading');
      const [left, right] = await Promise.all([complete(at(0), held, held.etag), complete(at(1), held, held.etag)]);
      expect([left.status, right.status, left.json]).toEqual([200, 200, right.json]);
      expect((await trailOf(server, held.uploadId)).filter((row) => row === 'upload.completed')).toHaveLength(1);
    }));

  test('of complete and an abort with its clean-up one is done first, and neither fails on the other', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'parts_uploading');
      const abortAndCleanUp = async () => {
        const reply = await post(1, held, 'abort');
        await at(1).runWorker();
        return reply;
      };
      const [completed, aborted] = await Promise.all([complete(at(0), held, held.etag), abortAndCleanUp()]);
      expect([completed.status, completed.json.message ?? completed.json.state]).toEqual(
        completed.status === 200
          ? [200, 'pending_commit']
          : [409, "The upload is aborted (client_abort): it can't be completed."],
      );
      expect([aborted.status, (await rowOf(server, held.uploadId)).state]).toEqual([200, 'aborted']);
    }));

  test('two first part requests at once both get a URL that works', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'initiated');
      const replies = await Promise.all([
        post(0, held, 'parts', { partNumber: 1 }),
        post(1, held, 'parts', { partNumber: 2 }),
      ]);
      for (const { json } of replies) {
        const put = await server.request('PUT', json.uploadUrl, { token: null, body: held.bytes });
        expect(put.status).toBe(200);
      }
      const { json } = await server.request('GET', held.path);
      expect(json.parts.map((part: { partNumber: number }) => part.partNumber)).toEqual([1, 2]);
    }));

  test('of two first part requests one of which carries a checksum one decides and the other is a 400', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'initiated');
      const replies = await Promise.all([
        post(0, held, 'parts', { partNumber: 1 }),
        post(1, held, 'parts', { partNumber: 1, sha256: sha256(held.bytes) }),
      ]);
      expect(statuses(replies)).toEqual([200, 400]);
    }));

  test('a first part request and an abort leave no folder behind', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'initiated');
      const [parts, abort] = await Promise.all([post(0, held, 'parts', { partNumber: 1 }), post(1, held, 'abort')]);
      expect([200, 409]).toContain(parts.status);
      expect(abort.status).toBe(200);
      await server.runWorker();
      expect(await foldersOf(server, sha256(held.bytes))).toEqual([]);
    }));

  test('a part that comes while its upload is completed is in time or refused, and the object stays whole', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'parts_uploading');
      const { json } = await server.request('POST', `${held.path}/parts`, { json: { partNumber: 1 } });
      const [completed, put] = await Promise.all([
        complete(at(0), held, held.etag),
        sendLate(at(1), json.uploadUrl, uniqueBytes(100)),
      ]);
      // S3 says of an upload that is complete that there is none.
      expect([200, 409, 404]).toContain(put.status);
      expect([200, 409]).toContain(completed.status);
      if (completed.status !== 200) return;
      expect((await post(0, held, 'commit')).status).toBe(200);
      expect((await read(held.repoKey, sha256(held.bytes))).bytes.equals(held.bytes)).toBe(true);
    }));

  test.each([2, 16])(
    '%i sessions of the same digest committed at once are one blob, and one object in the end',
    (sessions) =>
      repeatedly(ROUNDS, async () => {
        const bytes = uniqueBytes();
        const begun = await Promise.all(
          Array.from({ length: sessions }, async (_none, index) => {
            const session = await createSession(at(index), index % 2 === 0 ? 'apps' : 'libs', bytes);
            await complete(at(index), session, await sendPart(at(index), session, bytes));
            return session;
          }),
        );
        const replies = await Promise.all(begun.map((session, index) => post(index, session, 'commit')));
        expect(new Set(replies.map((reply) => reply.status))).toEqual(new Set([200]));
        await Promise.all(servers.map((one) => one.runWorker()));
        const blob = await blobOf(server, sha256(bytes));
        expect(await foldersOf(server, sha256(bytes))).toEqual([blob?.objectKey?.split('/').at(-1)]);
        for (const repoKey of ['apps', 'libs'])
          expect((await read(repoKey, sha256(bytes))).bytes.equals(bytes)).toBe(true);
      }),
  );

  test('one-request uploads of the same digest at once are one blob, and one object in the end', () =>
    repeatedly(ROUNDS, async () => {
      const bytes = uniqueBytes();
      const path = `/v1/repos/apps/blobs/${sha256(bytes)}`;
      const replies = await Promise.all([0, 1, 2, 3].map((index) => at(index).request('PUT', path, { body: bytes })));
      for (const reply of replies) expect([200, 201]).toContain(reply.status);
      await server.runWorker();
      const blob = await blobOf(server, sha256(bytes));
      expect(await foldersOf(server, sha256(bytes))).toEqual([blob?.objectKey?.split('/').at(-1)]);
    }));

  test('of the deletion of a repository and a commit in it one comes first', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'pending_commit');
      const [deleted, commit] = await Promise.all([
        at(1).request('DELETE', `/v1/repos/${held.repoKey}`),
        post(0, held, 'commit'),
      ]);
      expect(deleted.status).toBe(200);
      expect([200, 404, 409]).toContain(commit.status);
      await server.runWorker();
      expect(await foldersOf(server, sha256(held.bytes))).toEqual([]);
      expect(await blobOf(server, sha256(held.bytes))).toBeUndefined();
    }));

  test('what is deduplicated while its last reference is dropped is readable, or asked for', () =>
    repeatedly(ROUNDS, async () => {
      const bytes = uniqueBytes();
      await upload(server, 'apps', bytes);
      const [deleted, begun] = await Promise.all([
        at(1).request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`),
        createSession(at(0), 'libs', bytes),
      ]);
      await server.runWorker();
      expect(deleted.status).toBe(200);
      expect([200, 201]).toContain(begun.created.status);
      expect((await read('libs', sha256(bytes))).status).toBe(begun.created.status === 200 ? 200 : 404);
    }));

  test('what is committed while its last reference is dropped and its bytes are deleted is readable', () =>
    repeatedly(ROUNDS, async () => {
      const bytes = uniqueBytes();
      const session = await createSession(server, 'libs', bytes);
      await complete(server, session, await sendPart(server, session, bytes));
      await upload(server, 'apps', bytes);
      const dropAndDelete = async () => {
        const reply = await at(1).request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
        await at(1).runWorker();
        return reply;
      };
      const replies = await Promise.all([post(0, session, 'commit'), dropAndDelete()]);
      expect(statuses(replies)).toEqual([200, 200]);
      await server.runWorker();
      expect((await read('libs', sha256(bytes))).bytes.equals(bytes)).toBe(true);
      const blob = await blobOf(server, sha256(bytes));
      expect(await foldersOf(server, sha256(bytes))).toEqual([blob?.objectKey?.split('/').at(-1)]);
    }));

  test('whoever ends a session past its time first, it is ended once', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'pending_commit, past its time');
      const [commit, abort] = await Promise.all([
        post(0, held, 'commit'),
        post(1, held, 'abort'),
        at(0).runWorker(),
        at(1).runWorker(),
      ]);
      expect([commit.status, abort.status, abort.json.reason]).toEqual([409, 200, 'expired']);
      expect((await trailOf(server, held.uploadId)).filter((row) => row === 'upload.expired')).toHaveLength(1);
    }));

  test('a commit at the end of its time is done, or refused and swept', () =>
    repeatedly(ROUNDS, async () => {
      const held = await inState(server, 'pending_commit');
      const sweep = async () => {
        clock.advance({ seconds: UPLOAD_TTL_SECONDS });
        await at(1).runWorker();
      };
      const [commit] = await Promise.all([post(0, held, 'commit'), sweep()]);
      const { state } = await rowOf(server, held.uploadId);
      expect([commit.status, state]).toEqual(commit.status === 200 ? [200, 'committed'] : [409, 'aborted']);
    }));

  test('after all of this every row and every byte is where it belongs', async () => {
    clock.advance({ seconds: 100_000 });
    await server.runWorker();
    await expectSound(server);
    const ended = await server.running.services.db.query(sql<{ key: Parameters<typeof filesOf>[1] }>`
      select object_key as key from upload_sessions s
      where object_key is not null and not exists (select from blobs b where b.object_key = s.object_key)`);
    for (const { key } of ended) expect(await filesOf(server, key)).toEqual([]);
    expect(await count(server, sql<{ n: number }>`select count(*) as n from jobs`)).toBe(0);
  });
}
