import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { type CallFilter, type Fault, type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { expectSound } from '../../uploads/inspect.ts';
import { behind } from './behind-proxy.ts';
import { expectReadable, readiness } from './judge.ts';
import { startLoad } from './load.ts';

const servers = inject('s3Servers');
const UP = { status: 200, database: 'up', objectStore: 'up' };
const STORE_DOWN = { status: 503, database: 'up', objectStore: 'down' };
const POLL = { timeout: 60_000, interval: 100 };

/** What a full store refuses; it goes on reading, listing and deleting. */
const writing: CallFilter = ({ method }) => method === 'PUT' || method === 'POST';
const completing: CallFilter = ({ method, query }) => method === 'POST' && query.has('uploadId');

interface Outage {
  name: string;
  fault: Fault | 'refused';
  which?: CallFilter;
  code: string;
  /** What /health/ready tells: a store that answers is up, though it may take no bytes. */
  health: typeof UP;
}

const answering = (status: number, code: string, acts = false): Fault => ({ kind: 'answer', status, code, acts });

const OUTAGES: Outage[] = [
  { name: 'refuses connections', fault: 'refused', code: 'service_unavailable', health: STORE_DOWN },
  { name: 'takes calls and is silent', fault: { kind: 'pause' }, code: 'service_unavailable', health: STORE_DOWN },
  { name: 'resets', fault: { kind: 'reset', acts: false }, code: 'service_unavailable', health: STORE_DOWN },
  { name: 'loses its answers', fault: { kind: 'reset', acts: true }, code: 'service_unavailable', health: STORE_DOWN },
  { name: 'is overloaded', fault: answering(503, 'SlowDown'), code: 'service_unavailable', health: STORE_DOWN },
  { name: 'fails', fault: answering(500, 'InternalError'), code: 'service_unavailable', health: STORE_DOWN },
  { name: 'denies access', fault: answering(403, 'AccessDenied'), code: 'storage_access_denied', health: STORE_DOWN },
  {
    name: 'is full',
    fault: answering(507, 'XMinioStorageFull'),
    which: writing,
    code: 'insufficient_storage',
    health: UP,
  },
  {
    name: 'answers a completion with an error in a 200',
    fault: answering(200, 'InternalError'),
    which: completing,
    code: 'service_unavailable',
    health: UP,
  },
];

const SOME = ['refuses connections', 'denies access', 'is full', 'answers a completion with an error in a 200'];

for (const [name, outages] of [
  ['minio', OUTAGES],
  ['versitygw', OUTAGES.filter((outage) => SOME.includes(outage.name))],
] as const) {
  describe.skipIf(servers === null)(`under load, a server whose ${name}`, () => {
    let proxy: FaultProxy;
    let server: TestServer;

    beforeAll(async () => {
      if (servers === null) return;
      proxy = await startFaultProxy(servers[name].endpoint);
      server = await startTestServer({ settings: behind(proxy, servers[name]) });
      await server.createRepository('apps');
    });

    afterAll(async () => {
      await server.close();
      await proxy[Symbol.asyncDispose]();
    });

    test.each(outages)('$name refuses as $code, and recovers by itself', async ({ fault, which, code, health }) => {
      const load = startLoad(server);
      await load.commits(4);
      if (fault === 'refused') await proxy.refuse();
      else proxy.inject(fault, which);
      await load.refused(8);
      await expect.poll(() => readiness(server), POLL).toEqual(health);
      await proxy.mend();
      await expect.poll(() => readiness(server), POLL).toEqual(UP);
      await load.commits(4);
      const acknowledged = await load.stop();
      expect(new Set(load.refusals)).toEqual(new Set([code]));
      await expectReadable(server, acknowledged);
    });

    test('is only slow serves everything', async () => {
      const load = startLoad(server);
      const calls = proxy.inject({ kind: 'slow', delayMs: 200, dropBytes: 10_000, dropEveryMs: 5 });
      await load.commits(6);
      await proxy.mend();
      const acknowledged = await load.stop();
      expect([load.refusals, load.cuts, calls.length > 0]).toEqual([[], 0, true]);
      await expectReadable(server, acknowledged);
    });

    test('was away in every way is sound in the end', async () => {
      await server.runWorker();
      await expectSound(server);
    });
  });
}
