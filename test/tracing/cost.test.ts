import { type LoadHookContext, registerHooks } from 'node:module';
import { afterAll, expect, test } from 'vitest';
import { startTestServer } from '../support/test-server.ts';
import { startCollector } from './collector.ts';

const loaded: string[] = [];
const hooks = registerHooks({
  load(url: string, context: LoadHookContext, nextLoad) {
    if (url.includes('@opentelemetry')) loaded.push(url);
    return nextLoad(url, context);
  },
});

afterAll(() => hooks.deregister());

// In this order: what a process has loaded stays loaded.
test('without a collector no module of OpenTelemetry is loaded', async () => {
  const server = await startTestServer();
  const reply = await server.request('GET', '/v1/repos', {
    headers: { traceparent: `00-${'1'.repeat(32)}-${'1'.repeat(16)}-01` },
  });
  await server.close();
  expect([reply.status, loaded]).toEqual([200, []]);
});

test('with one they are', async () => {
  const collector = await startCollector();
  const server = await startTestServer({ settings: { otlpTracesUrl: collector.url } });
  await server.close();
  await collector.close();
  expect(loaded.length).toBeGreaterThan(0);
});

test('a collector that is away keeps no request from its answer and no server from its end', async () => {
  const server = await startTestServer({ settings: { otlpTracesUrl: 'http://127.0.0.1:1/v1/traces' } });
  expect((await server.request('GET', '/v1/repos')).status).toBe(200);
  await server.close();
});
