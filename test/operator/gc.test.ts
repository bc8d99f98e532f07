import { afterEach, beforeEach, expect, test } from 'vitest';
import { collect, planCollection } from '../../src/operator/gc.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';

const DELETION_DELAY_SECONDS = 600;

let server: TestServer;

beforeEach(async () => {
  server = await startTestServer({ settings: { deletionDelaySeconds: DELETION_DELAY_SECONDS, uploadTtlSeconds: 60 } });
  await server.createRepository('apps');
});

afterEach(() => server.close());

const services = () => server.running.services;
const keysInStore = async () => {
  const keys: string[] = [];
  for await (const { key } of services().objects.listObjects()) keys.push(key);
  return keys;
};

async function storeAndDrop(): Promise<string> {
  const bytes = uniqueBytes(2000);
  await upload(server, 'apps', bytes);
  await server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
  return sha256(bytes);
}

test('what is referred to is never in the plan', async () => {
  await upload(server, 'apps', uniqueBytes());
  expect(await planCollection(services())).toEqual({
    condemned: [],
    leftOvers: { count: 0, declaredBytes: 0, oldestDueAt: null },
    draining: [],
  });
});

test('the plan says what goes, since when nothing refers to it, and until when it is kept; and changes nothing', async () => {
  const digest = await storeAndDrop();
  const condemnedAt = services().clock.now();
  const plan = await planCollection(services());
  const [blob] = plan.condemned;
  expect(plan.condemned).toEqual([
    {
      digest,
      lengthBytes: 2000,
      state: 'condemned',
      condemnedAt: expect.any(Date),
      deletedAfter: expect.any(Date),
      lastError: null,
    },
  ]);
  const keptMs = (blob?.deletedAfter?.getTime() ?? 0) - (blob?.condemnedAt.getTime() ?? 0);
  expect([keptMs, blob?.condemnedAt.getTime() ?? 0]).toEqual([DELETION_DELAY_SECONDS * 1000, expect.any(Number)]);
  expect(blob?.condemnedAt.getTime()).toBeLessThanOrEqual(condemnedAt.getTime());
  expect([await planCollection(services()), (await keysInStore()).length]).toEqual([plan, 1]);
});

test('a collection removes what is due, and nothing before its time', async () => {
  await storeAndDrop();
  await collect(services(), { ignoreDelay: false });
  expect((await planCollection(services())).condemned).toHaveLength(1);
  server.clock.advance({ seconds: DELETION_DELAY_SECONDS });
  expect(await collect(services(), { ignoreDelay: false })).toEqual({ expired: 0, jobs: 1 });
  expect([(await planCollection(services())).condemned, await keysInStore()]).toEqual([[], []]);
});

test('a collection that ignores the delay removes condemned blobs, and never one that was committed again', async () => {
  const bytes = uniqueBytes();
  await upload(server, 'apps', bytes);
  await server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
  await storeAndDrop();
  await upload(server, 'apps', bytes);
  await collect(services(), { ignoreDelay: true });
  expect((await server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`)).bytes.equals(bytes)).toBe(true);
  expect([(await planCollection(services())).condemned, (await keysInStore()).length]).toEqual([[], 1]);
});

test('a collection ends overdue uploads, and the plan counts what they left', async () => {
  const bytes = uniqueBytes(5000);
  const session = await createSession(server, 'apps', bytes);
  await sendPart(server, session, bytes);
  server.clock.advance({ seconds: 61 });
  expect(await collect(services(), { ignoreDelay: false })).toEqual({ expired: 1, jobs: 1 });
  // Its second clean-up is still to come, for what may be under way.
  expect((await planCollection(services())).leftOvers).toMatchObject({ count: 1, declaredBytes: 5000 });
});

test('a deleted repository is in the plan until its references are dropped', async () => {
  await upload(server, 'apps', uniqueBytes(700));
  await server.request('DELETE', '/v1/repos/apps');
  expect((await planCollection(services())).draining).toEqual([{ repoKey: 'apps', references: 1, bytes: 700 }]);
  await collect(services(), { ignoreDelay: false });
  expect(await planCollection(services())).toMatchObject({ draining: [], condemned: [{ lengthBytes: 700 }] });
});
