import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Settings } from '../../src/kernel/settings.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { startSlowUpload } from './slow-upload.ts';

let server: TestServer;

async function start(settings: Partial<Settings>): Promise<void> {
  server = await startTestServer({ settings });
  await server.createRepository('apps');
}

afterEach(() => server.close());

describe('a server that was asked to stop, in its delay', () => {
  let stopped: Promise<void>;

  beforeEach(async () => {
    await start({ shutdownDelaySeconds: 1 });
    stopped = server.running.stop();
  });

  test('is not ready, and says why', async () => {
    const reply = await server.request('GET', '/health/ready', { token: null });
    expect([reply.status, reply.json.status]).toEqual([503, 'draining']);
  });

  test('is alive', async () => {
    expect((await server.request('GET', '/health/live')).status).toBe(200);
  });

  test('serves what it is asked, and asks its clients to connect anew', async () => {
    const reply = await server.request('GET', '/v1/repos');
    expect([reply.status, reply.headers.get('connection')]).toEqual([200, 'close']);
  });

  test('takes no connection afterwards', async () => {
    await stopped;
    await expect(server.request('GET', '/health/live')).rejects.toThrow('fetch failed');
  });
});

test('a server that must stop at once has no delay', async () => {
  await start({ shutdownDelaySeconds: 3600 });
  await server.running.stop({ atOnce: true });
  await expect(server.request('GET', '/health/live')).rejects.toThrow('fetch failed');
});

describe('a request in progress', () => {
  test('is answered before the server has stopped, and its connection closed', async () => {
    await start({ shutdownGraceSeconds: 60 });
    const upload = await startSlowUpload(server);
    const stopped = server.running.stop();
    await expect.poll(() => server.request('GET', '/health/live').catch(() => 'refused')).toBe('refused');
    expect((await upload.finish()).status).toBe(201);
    await stopped;
  });

  test('that takes longer than the grace period is cut', async () => {
    await start({ shutdownGraceSeconds: 1 });
    const upload = await startSlowUpload(server);
    await server.running.stop();
    await expect(upload.answer).rejects.toThrow(/socket hang up|ECONNRESET/);
  });
});

test('a connection that is kept open without a request does not hold the stop up', async () => {
  await start({ shutdownGraceSeconds: 3600 });
  const upload = await startSlowUpload(server);
  // Its connection is in use when the server closes the idle ones, and idle thereafter.
  const stopped = server.running.stop();
  await upload.finish();
  await stopped;
});
