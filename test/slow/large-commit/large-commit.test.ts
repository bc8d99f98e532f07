import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningServer, startServer } from '../../../src/main.ts';
import type { ObjectStore } from '../../../src/objects/object-store.ts';
import { suiteLogger } from '../../support/suite-logger.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { storesAtHand } from '../support/stores.ts';

const MIB = 1024 ** 2;
const LARGE_BYTES = Number(process.env.ARTIFORTRESS_LARGE_MIB ?? '1024') * MIB;

/** Counts what is asked of the store. */
function counting(store: ObjectStore, calls: Record<string, number>): ObjectStore {
  return new Proxy(store, {
    get(target, name: keyof ObjectStore) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...parameters: unknown[]): unknown => {
        calls[name] = (calls[name] ?? 0) + 1;
        return Reflect.apply(member, target, parameters);
      };
    },
  });
}

/** As many bytes as are wanted, the same each time, without ever being in memory together. */
function* content(bytes: number): Generator<Uint8Array> {
  const block = createHash('sha512').update('large').digest();
  const chunk = Buffer.alloc(MIB, block);
  for (let sent = 0; sent < bytes; sent += MIB) {
    chunk.writeBigUInt64LE(BigInt(sent));
    yield Buffer.from(chunk.subarray(0, Math.min(MIB, bytes - sent)));
  }
}

function digestOf(bytes: number): string {
  const hash = createHash('sha256');
  for (const chunk of content(bytes)) hash.update(chunk);
  return hash.digest('hex');
}

describe.each(storesAtHand('minio', 'versitygw'))('on %s', (_name, settings) => {
  let plain: TestServer;
  let running: RunningServer;
  const calls: Record<string, number> = {};

  beforeAll(async () => {
    plain = await startTestServer({ settings: settings() });
    await plain.createRepository('apps');
    running = await startServer({
      settings: plain.running.services.settings,
      log: suiteLogger(),
      seams: { objects: (store) => counting(store, calls) },
    });
  });

  afterAll(async () => {
    await running.stop();
    await plain.close();
  });

  /** A session of one part, up to before its commit. */
  async function pending(bytes: number, checksummed: boolean): Promise<string> {
    const digest = digestOf(bytes);
    const at = (path: string) => new URL(path, running.url).href;
    const created = await plain.request('POST', at('/v1/repos/apps/uploads'), {
      json: { expectedDigest: digest, expectedLength: bytes },
    });
    const session = at(`/v1/repos/apps/uploads/${created.json.uploadId}`);
    const checksum = checksummed ? { sha256: digest, sizeBytes: bytes } : {};
    const signed = await plain.request('POST', `${session}/parts`, { json: { partNumber: 1, ...checksum } });
    const put = await fetch(signed.json.uploadUrl, {
      method: 'PUT',
      headers: { ...signed.json.headers, 'content-length': String(bytes) },
      body: ReadableStream.from(content(bytes)),
      duplex: 'half',
    });
    expect(put.status).toBe(200);
    const parts = [{ partNumber: 1, etag: put.headers.get('etag') }];
    expect((await plain.request('POST', `${session}/complete`, { json: { parts } })).status).toBe(200);
    for (const name of Object.keys(calls)) delete calls[name];
    return session;
  }

  test('the commit of a large object that came in one checksummed part is one look at it, and no read', async () => {
    const session = await pending(LARGE_BYTES, true);
    const reply = await plain.request('POST', `${session}/commit`);
    expect([reply.status, reply.json.state]).toEqual([200, 'committed']);
    expect(calls).toEqual({ head: 1 });
  });

  test('of one that came without a checksum the commit asks to be repeated, and ends', async () => {
    const session = await pending(300 * MIB, false);
    const statuses = new Set<number>();
    for (;;) {
      const reply = await plain.request('POST', `${session}/commit`);
      statuses.add(reply.status);
      if (reply.status !== 202) break;
      expect(reply.headers.get('retry-after')).toBeTruthy();
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(statuses.has(200)).toBe(true);
  });
});
