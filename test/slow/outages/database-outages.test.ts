import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newTokenSecret } from '../../../src/access/model.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { createSession, sendPart, uniqueBytes } from '../../support/uploading.ts';
import { expectSound, filesOf, rowOf } from '../../uploads/inspect.ts';
import { storesAtHand } from '../support/stores.ts';
import { expectReadable, judge, readiness } from './judge.ts';
import { startLoad } from './load.ts';
import { type OwnPostgres, startOwnPostgres } from './own-postgres.ts';
import { ParkedAtEveryStep, STEPS } from './parked.ts';

const UP = { status: 200, database: 'up', objectStore: 'up' };
const DATABASE_DOWN = { status: 503, database: 'down', objectStore: 'up' };
const POLL = { timeout: 60_000, interval: 100 };
/** Each at another moment of the load. */
const ROUNDS = [0, 30, 60, 80, 120, 130];
const REFUSED_AT_EVERY_STEP = Object.fromEntries(STEPS.map((step) => [step, 'service_unavailable']));

describe.each(storesAtHand('folder', 'minio'))('under load on %s', (_name, settings) => {
  let postgres: OwnPostgres;
  let server: TestServer;

  beforeAll(async () => {
    postgres = await startOwnPostgres();
    server = await startTestServer({
      database: postgres.database,
      settings: { ...settings(), worker: true, workerIntervalSeconds: 1 },
    });
    await server.createRepository('apps');
  });

  afterAll(async () => {
    await server.close();
    await postgres.close();
  });

  test.each(ROUNDS)(
    'PostgreSQL stopped with `immediate` is a 503 to everything, and what was committed stays (after %i ms)',
    async (delayMs) => {
      const parked = await ParkedAtEveryStep.park(server);
      const load = startLoad(server);
      await load.commits(6);
      await sleep(delayMs);
      await postgres.stopImmediately();
      await load.refused(12);
      expect(await readiness(server)).toEqual(DATABASE_DOWN);
      expect(await parked.ask()).toEqual(REFUSED_AT_EVERY_STEP);
      await postgres.startAgain();
      await expect.poll(() => readiness(server), POLL).toEqual(UP);
      await load.commits(6);
      const acknowledged = [...(await load.stop()), ...(await parked.finish())];
      expect(new Set(load.refusals)).toEqual(new Set(['service_unavailable']));
      await expectReadable(server, acknowledged);
    },
  );

  test('a PostgreSQL that restarts itself, since a process of it was killed, is a 503 for that time', async () => {
    const load = startLoad(server);
    await load.commits(4);
    await postgres.killBackend();
    await load.refused(1);
    await expect.poll(() => readiness(server), POLL).toEqual(UP);
    await load.commits(4);
    const acknowledged = await load.stop();
    expect(new Set(load.refusals)).toEqual(new Set(['service_unavailable']));
    await expectReadable(server, acknowledged);
  });

  test('without PostgreSQL every route says so, to everybody', async () => {
    await postgres.stopImmediately();
    const routes = server.running.routeTable.routes.filter(
      ({ access }) => !['public', 'signed_url'].includes(access.kind),
    );
    expect(routes.length).toBeGreaterThan(20);
    for (const { method, pattern } of routes) {
      const path = pattern.replace(/:digest/g, '0'.repeat(64)).replace(/:\w+/g, 'apps');
      const json = ['GET', 'HEAD'].includes(method) ? {} : { json: {} };
      // What can't be a token at all is refused without a look-up, and so is no concern of the database.
      for (const token of [server.adminToken, newTokenSecret(randomBytes)]) {
        const reply = await server.request(method, path, { token, ...json });
        const told = method === 'HEAD' ? { kind: 'refused', code: 'service_unavailable' } : judge(reply);
        expect([method, path, reply.status, told]).toEqual([
          method,
          path,
          503,
          { kind: 'refused', code: 'service_unavailable' },
        ]);
        expect(reply.headers.get('retry-after')).toMatch(/^\d+$/);
      }
    }
    await postgres.startAgain();
    await expect.poll(() => readiness(server), POLL).toEqual(UP);
  });

  test('the worker goes on by itself afterwards, and all is sound', async () => {
    const bytes = uniqueBytes();
    const session = await createSession(server, 'apps', bytes);
    await sendPart(server, session, bytes);
    const { objectKey } = await rowOf(server, session.uploadId);
    expect(await filesOf(server, objectKey)).not.toEqual([]);
    await server.request('POST', `${session.path}/abort`);
    await expect.poll(() => filesOf(server, objectKey), POLL).toEqual([]);
    await expectSound(server);
  });
});
