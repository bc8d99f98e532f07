import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { sha256, uniqueBytes } from '../../support/uploading.ts';
import { expectSound, rowOf, trailOf } from '../../uploads/inspect.ts';
import { type Child, startChild } from '../faults/child.ts';
import { storesAtHand } from '../support/stores.ts';

const MIB = 1024 ** 2;
/** Long enough to be met while it is read back. */
const SLOW_BYTES = 400 * MIB;
const PART_BYTES = 100 * MIB;
const LEASE_SECONDS = 60;

let compileCache: string;

beforeAll(async () => {
  compileCache = await mkdtemp(join(tmpdir(), 'artifortress-cache-'));
});

afterAll(() => rm(compileCache, { recursive: true, force: true }));

describe.each(storesAtHand('folder', 'minio', 'versitygw'))(
  'two processes on one database and %s',
  (_name, settings) => {
    /** Lends database, folder and tokens, and looks on. */
    let witness: TestServer;
    let left: Child;
    let right: Child;

    beforeAll(async () => {
      witness = await startTestServer({ settings: settings() });
      await witness.createRepository('apps');
      const { settings: common } = witness.running.services;
      [left, right] = await Promise.all([startChild(common, compileCache), startChild(common, compileCache)]);
    });

    afterAll(async () => {
      await Promise.all([left.kill(), right.kill()]);
      await witness.close();
    });

    const ask = (child: Child, method: string, path: string, json?: unknown) =>
      witness.request(method, new URL(path, child.url).href, json === undefined ? {} : { json });

    /** Each step by the other process. @returns the path of a session that is ready to be committed. */
    async function uploadInTurns(bytes: Buffer, partBytes: number): Promise<{ path: string; uploadId: string }> {
      const turns = [left, right];
      const next = (): Child => {
        turns.reverse();
        return turns[0] ?? left;
      };
      const declared = { expectedDigest: sha256(bytes), expectedLength: bytes.length };
      const created = await ask(next(), 'POST', '/v1/repos/apps/uploads', declared);
      const { uploadId } = created.json;
      const path = `/v1/repos/apps/uploads/${uploadId}`;
      const parts: { partNumber: number; etag: string | null }[] = [];
      for (let at = 0; at < bytes.length; at += partBytes) {
        const partNumber = parts.length + 1;
        const signed = await ask(next(), 'POST', `${path}/parts`, { partNumber });
        expect(signed.status).toBe(200);
        const part = bytes.subarray(at, at + partBytes);
        const put = await fetch(signed.json.uploadUrl, { method: 'PUT', body: new Uint8Array(part) });
        parts.push({ partNumber, etag: put.headers.get('etag') });
      }
      const seen = await ask(next(), 'GET', path);
      expect(seen.json.parts).toHaveLength(parts.length);
      expect((await ask(next(), 'POST', `${path}/complete`, { parts })).status).toBe(200);
      return { path, uploadId };
    }

    async function commit(child: Child, path: string): Promise<number> {
      for (;;) {
        const { status } = await ask(child, 'POST', `${path}/commit`);
        if (status !== 202) return status;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }

    test('take turns within one upload, and both serve it', async () => {
      const bytes = uniqueBytes(11 * MIB);
      const { path, uploadId } = await uploadInTurns(bytes, 5 * MIB);
      expect(await Promise.all([commit(left, path), commit(right, path)])).toEqual([200, 200]);
      for (const child of [left, right]) {
        const read = await ask(child, 'GET', `/v1/repos/apps/blobs/${sha256(bytes)}`);
        expect(sha256(read.bytes)).toBe(sha256(bytes));
      }
      expect((await trailOf(witness, uploadId)).filter((action) => action === 'upload.committed')).toHaveLength(1);
    });

    test('one goes on with the verification in which the other was killed', async () => {
      const bytes = Buffer.alloc(SLOW_BYTES, uniqueBytes(64));
      const { path, uploadId } = await uploadInTurns(bytes, PART_BYTES);
      const asked = ask(left, 'POST', `${path}/commit`).catch(() => undefined);
      await untilVerified(uploadId);
      await left.kill();
      await asked;
      expect((await rowOf(witness, uploadId)).state).toBe('pending_commit');

      // The lease of the dead stands: nobody reads beside it, and nobody is told that it is done.
      const held = await ask(right, 'POST', `${path}/commit`);
      expect([held.status, Number(held.headers.get('retry-after')) > 0]).toEqual([202, true]);
      await right.runWorker('all', LEASE_SECONDS + 1);
      expect(await commit(right, path)).toBe(200);
      const { state, fence } = await rowOf(witness, uploadId);
      expect([state, fence]).toEqual(['committed', 2]);
      await expectSound(witness);
    });

    async function untilVerified(uploadId: string): Promise<void> {
      const { db } = witness.running.services;
      for (;;) {
        const [row] = await db.query(sql<{ owner: string | null }>`
        select verification_owner as owner from upload_sessions where upload_id = ${uploadId}::uuid`);
        if (row?.owner != null) return;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  },
);
