import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes } from '../../support/uploading.ts';
import { expectSound } from '../../uploads/inspect.ts';
import { storesAtHand } from '../support/stores.ts';
import { type Balanced, balance } from './balanced.ts';
import { type Replica, startReplica } from './replica.ts';

/** Nobody listens there: what is under it goes to the replicas. */
const PUBLIC_URL = 'http://artifacts.invalid';
const CLIENTS = 6;
const ROUNDS = 2;
const BETWEEN_RESTARTS_MS = 1_000;
const SMALL_BYTES = 40_000;
const PART_BYTES = 5 * 1024 ** 2;
const PHASES = ['unready', 'draining', 'drained', 'worker', 'closed'];

/** What one client does over and over: each way to upload, each read back. @returns the digests that were acknowledged. */
async function work(server: TestServer, isOver: () => boolean): Promise<string[]> {
  const acknowledged: string[] = [];
  for (let round = 0; !isOver(); round += 1) {
    const bytes = round % 8 === 0 ? uniqueBytes(PART_BYTES + SMALL_BYTES) : uniqueBytes(SMALL_BYTES);
    const digest = round % 2 === 0 ? await uploadInParts(server, bytes) : await putAtOnce(server, bytes);
    acknowledged.push(digest);
    const read = await server.request('GET', `/v1/repos/apps/blobs/${digest}`);
    expect([read.status, sha256(read.bytes)]).toEqual([200, digest]);
  }
  return acknowledged;
}

async function uploadInParts(server: TestServer, bytes: Buffer): Promise<string> {
  const session = await createSession(server, 'apps', bytes);
  const pieces = [bytes.subarray(0, PART_BYTES), bytes.subarray(PART_BYTES)].filter((piece) => piece.length > 0);
  const etags: string[] = [];
  for (const [index, piece] of pieces.entries()) {
    etags.push(await sendPart(server, session, piece, { partNumber: index + 1 }));
  }
  expect((await complete(server, session, ...etags)).status).toBe(200);
  for (;;) {
    const committed = await server.request('POST', `${session.path}/commit`);
    if (committed.status !== 202) {
      expect(committed.status).toBe(200);
      return sha256(bytes);
    }
    await sleep(100);
  }
}

async function putAtOnce(server: TestServer, bytes: Buffer): Promise<string> {
  const put = await server.request('PUT', `/v1/repos/apps/blobs/${sha256(bytes)}`, { body: new Uint8Array(bytes) });
  // 200: the first try was stored, and only its answer got lost.
  expect([200, 201]).toContain(put.status);
  return sha256(bytes);
}

describe.each(storesAtHand('folder', 'minio'))('two replicas on one database and %s', (_name, settings) => {
  let witness: TestServer;
  let replicas: [Replica, Replica];
  let clients: Balanced;
  const stops: { code: number | null; phases: string[] }[] = [];

  const start = () =>
    startReplica({
      ...witness.running.services.settings,
      publicUrl: PUBLIC_URL,
      worker: true,
      workerIntervalSeconds: 1,
      shutdownGraceSeconds: 20,
    });

  async function restart(number: 0 | 1): Promise<void> {
    const old = replicas[number];
    old.signal('SIGTERM');
    stops.push({ code: await old.exited, phases: old.phases() });
    replicas[number] = await start();
    await sleep(BETWEEN_RESTARTS_MS);
  }

  let acknowledged: string[];

  beforeAll(async () => {
    witness = await startTestServer({ settings: settings() });
    await witness.createRepository('apps');
    replicas = await Promise.all([start(), start()]);
    clients = balance(witness, (number) => replicas[number].url, PUBLIC_URL);
    let over = false;
    const working = Promise.all(Array.from({ length: CLIENTS }, () => work(clients.server, () => over)));
    // Its failure is seen below.
    working.catch(() => undefined);
    for (let round = 0; round < ROUNDS; round += 1) {
      await restart(0);
      await restart(1);
    }
    over = true;
    acknowledged = (await working).flat();
  }, 240_000);

  afterAll(async () => {
    for (const replica of replicas) replica.signal('SIGTERM');
    await Promise.all(replicas.map((replica) => replica.exited));
    await witness.close();
  });

  test('lose no request of a rolling restart that its client asks again once', () => {
    expect(clients.counts.lost).toEqual([]);
    // Else no client met a restart.
    expect(clients.counts.retried).toBeGreaterThan(0);
    expect(acknowledged.length).toBeGreaterThan(CLIENTS * ROUNDS);
  });

  test('hold everything that was acknowledged, whole', async () => {
    for (const digest of acknowledged) {
      const read = await witness.request('GET', `/v1/repos/apps/blobs/${digest}`);
      expect([read.status, sha256(read.bytes)]).toEqual([200, digest]);
    }
    await expectSound(witness);
  });

  test('end by themselves, each phase after the one before', () => {
    expect(stops).toEqual(Array.from({ length: ROUNDS * 2 }, () => ({ code: 0, phases: PHASES })));
  });
});

test('a second signal ends a replica at once', async () => {
  const server = await startTestServer();
  const replica = await startReplica({ ...server.running.services.settings, shutdownDelaySeconds: 3600 });
  replica.signal('SIGTERM');
  await expect.poll(() => replica.phases()).toContain('unready');
  // Sooner, it would count as the same one, passed on by a wrapper.
  await sleep(600);
  replica.signal('SIGTERM');
  expect(await replica.exited).toBe(130);
  await server.close();
});
