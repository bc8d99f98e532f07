import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes } from '../../support/uploading.ts';
import { count, expectSound, filesOf, foldersOf, rowOf, trailOf } from '../../uploads/inspect.ts';
import { storesAtHand } from '../support/stores.ts';

const MANY = 64;
const FIVE_MIB = 5 * 1024 ** 2;

describe.each(storesAtHand('folder', 'minio', 'versitygw'))('on %s', (_name, settings) => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startTestServer({ settings: { ...settings(), deletionDelaySeconds: 0 } });
    await server.createRepository('apps');
  });

  afterAll(() => server.close());

  async function pending(bytes: Buffer, checksummed: boolean) {
    const session = await createSession(server, 'apps', bytes);
    await complete(server, session, await sendPart(server, session, bytes, { checksummed }));
    return session;
  }

  async function blobRows(digest: string): Promise<number> {
    return await count(server, sql<{ n: number }>`select count(*) as n from blobs where digest = ${digest}`);
  }

  const commit = (session: { path: string }) => server.request('POST', `${session.path}/commit`);

  /** As clients do: a 202 is asked again. */
  async function committed(session: { path: string }): Promise<unknown> {
    for (;;) {
      const reply = await commit(session);
      if (reply.status !== 202) return [reply.status, reply.json.state];
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  test.each([true, false])(
    '64 commits of one session at once are one commit (checksummed: %s)',
    async (checksummed) => {
      const bytes = uniqueBytes(100_000);
      const session = await pending(bytes, checksummed);
      const outcomes = await Promise.all(Array.from({ length: MANY }, () => committed(session)));
      expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome)))).toEqual(new Set(['[200,"committed"]']));
      expect((await trailOf(server, session.uploadId)).filter((action) => action === 'upload.committed')).toHaveLength(
        1,
      );
      expect(await blobRows(sha256(bytes))).toBe(1);
    },
  );

  test('64 sessions of one digest at once are one blob, and of their objects one is left', async () => {
    const bytes = uniqueBytes(50_000);
    const sessions = await Promise.all(Array.from({ length: MANY }, () => pending(bytes, true)));
    expect(await foldersOf(server, sha256(bytes))).toHaveLength(MANY);
    const outcomes = await Promise.all(sessions.map(committed));
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome)))).toEqual(new Set(['[200,"committed"]']));
    expect(await blobRows(sha256(bytes))).toBe(1);
    await server.runWorker();
    expect(await foldersOf(server, sha256(bytes))).toHaveLength(1);
    await expectSound(server);
  });

  test('many first part requests at once all get URLs of one multipart upload', async () => {
    const bytes = uniqueBytes();
    const session = await createSession(server, 'apps', bytes);
    const ask = () => server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    const replies = await Promise.all(Array.from({ length: 8 }, ask));
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
    // The first URL is as good as the last: all are of the multipart that won.
    const etags = await Promise.all(
      replies.map(async ({ json }) => {
        const put = await server.request('PUT', json.uploadUrl, { token: null, body: bytes, headers: json.headers });
        return put.headers.get('etag') ?? '';
      }),
    );
    expect((await complete(server, session, etags.at(-1) ?? '')).status).toBe(200);
    expect(await committed(session)).toEqual([200, 'committed']);
    const { objectKey } = await rowOf(server, session.uploadId);
    await server.runWorker();
    expect(await filesOf(server, objectKey)).not.toContain('multipart');
  });

  test('a part that is sent again after it was listed is completed as it is now, or refused', async () => {
    const bytes = Buffer.concat([uniqueBytes(FIVE_MIB), uniqueBytes(10)]);
    const session = await createSession(server, 'apps', bytes);
    const second = await sendPart(server, session, bytes.subarray(FIVE_MIB), { partNumber: 2 });
    const old = await sendPart(server, session, uniqueBytes(FIVE_MIB), { partNumber: 1 });
    const fresh = await sendPart(server, session, bytes.subarray(0, FIVE_MIB), { partNumber: 1 });
    const stale = await complete(server, session, old, second);
    expect([stale.status, (await rowOf(server, session.uploadId)).state]).toEqual([409, 'parts_uploading']);
    expect((await complete(server, session, fresh, second)).status).toBe(200);
    expect(await committed(session)).toEqual([200, 'committed']);
  });

  test('a part and a completion that land behind an abort leave nothing, once the clean-up has run twice', async () => {
    const bytes = uniqueBytes();
    const session = await createSession(server, 'apps', bytes);
    const signed = await server.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    expect((await server.request('POST', `${session.path}/abort`)).status).toBe(200);
    const late = await server.request('PUT', signed.json.uploadUrl, { token: null, body: bytes });
    const completed = await complete(server, session, late.headers.get('etag') ?? 'none');
    expect(completed.status).toBe(409);
    const { objectKey } = await rowOf(server, session.uploadId);
    await server.runWorker();
    server.clock.advance({ seconds: 2 * 86_400 });
    await server.runWorker();
    expect(await filesOf(server, objectKey)).toEqual([]);
  });
});
