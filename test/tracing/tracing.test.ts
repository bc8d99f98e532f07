import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes } from '../support/uploading.ts';
import { type Collector, type ReceivedSpan, startCollector } from './collector.ts';

const SERVER_ERROR = 2;

let collector: Collector;
let server: TestServer;

beforeAll(async () => {
  collector = await startCollector();
  server = await startTestServer({
    settings: { otlpTracesUrl: collector.url, otlpHeaders: 'x-api-key=collector-secret, x-tenant=apps', traceRatio: 1 },
  });
  await server.createRepository('apps');
});

afterAll(async () => {
  await server.close();
  await collector.close();
});

/** A trace of a client's own. */
function clientTrace(sampled = true) {
  const traceId = uniqueBytes(16).toString('hex');
  const spanId = uniqueBytes(8).toString('hex');
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${sampled ? '01' : '00'}` };
}

/** The spans of a trace, once its request's is among them. */
async function spansOf(traceId: string): Promise<{ request: ReceivedSpan; all: ReceivedSpan[] }> {
  const all = () => collector.spans.filter((span) => span.traceId === traceId);
  const request = () => all().find(({ attributes }) => attributes['http.request.method'] !== undefined);
  await expect.poll(request, { timeout: 15_000 }).toBeDefined();
  const found = request();
  if (found === undefined) throw new Error('it was there');
  return { request: found, all: all() };
}

const ask = async (method: string, path: string, trace = clientTrace(), headers: Record<string, string> = {}) => {
  const reply = await server.request(method, path, { headers: { traceparent: trace.traceparent, ...headers } });
  return { reply, trace };
};

describe('a request', () => {
  test("is a span of its client's trace, under the client's span", async () => {
    const { trace } = await ask('GET', '/v1/repos/apps');
    const { request } = await spansOf(trace.traceId);
    expect(request).toMatchObject({
      name: 'GET /v1/repos/:repoKey',
      parentSpanId: trace.spanId,
      service: 'artifortress',
    });
  });

  test('carries its id, its route and its status', async () => {
    const { reply, trace } = await ask('GET', '/v1/repos/missing');
    const { request } = await spansOf(trace.traceId);
    expect(request.attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/v1/repos/:repoKey',
      'http.response.status_code': 404,
      'artifortress.request_id': reply.headers.get('x-request-id'),
    });
  });

  test("keeps its client's trace state", async () => {
    const { trace } = await ask('GET', '/v1/repos', clientTrace(), { tracestate: 'vendor=opaque' });
    expect((await spansOf(trace.traceId)).request.traceState).toBe('vendor=opaque');
  });

  test('has its statements and its calls to the store inside of it', async () => {
    const bytes = uniqueBytes(1000);
    await server.request('PUT', `/v1/repos/apps/blobs/${sha256(bytes)}`, { body: new Uint8Array(bytes) });
    const { trace } = await ask('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    const { request, all } = await spansOf(trace.traceId);
    const inside = all.filter(({ parentSpanId }) => parentSpanId === request.spanId).map(({ name }) => name);
    expect(new Set(inside)).toEqual(new Set(['statement', 'store open']));
  });

  test('has what happens after its body came in inside of it too', async () => {
    const trace = clientTrace();
    const body = JSON.stringify({ repoKey: 'traced', repoType: 'local' });
    const asked = request(new URL('/v1/repos', server.url), {
      method: 'POST',
      headers: {
        authorization: `Bearer ${server.adminToken}`,
        'content-type': 'application/json',
        'content-length': body.length,
        traceparent: trace.traceparent,
      },
    });
    asked.on('response', (response) => response.resume());
    // The rest comes by an event of the connection, long after the head.
    asked.write(body.slice(0, 10));
    await sleep(200);
    asked.end(body.slice(10));
    const { all } = await spansOf(trace.traceId);
    const statements = all.map(({ attributes }) => attributes['db.query.text']);
    expect(statements).toContainEqual(expect.stringContaining('insert into repositories'));
  });

  test('that fails is marked so', async () => {
    const bytes = uniqueBytes(100);
    await server.request('PUT', `/v1/repos/apps/blobs/${sha256(bytes)}`, { body: new Uint8Array(bytes) });
    const { services } = server.running;
    const { objects } = services;
    services.objects = { ...objects, open: () => Promise.reject(new Error('a bug')) };
    const { trace } = await ask('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    services.objects = objects;
    expect((await spansOf(trace.traceId)).request.statusCode).toBe(SERVER_ERROR);
  });

  test.each([
    ['none', undefined],
    ['nonsense', 'nonsense'],
    ['one of zeros', `00-${'0'.repeat(32)}-${'0'.repeat(16)}-01`],
    ['one of a version that is none', `ff-${'1'.repeat(32)}-${'1'.repeat(16)}-01`],
  ])('with %s as its traceparent begins a trace', async (_name, traceparent) => {
    const reply = await server.request(
      'GET',
      '/v1/auth/whoami',
      traceparent === undefined ? {} : { headers: { traceparent } },
    );
    const id = reply.headers.get('x-request-id');
    const find = () => collector.spans.find(({ attributes }) => attributes['artifortress.request_id'] === id);
    await expect.poll(find, { timeout: 15_000 }).toBeDefined();
    expect(find()?.parentSpanId).toBeUndefined();
  });

  test('whose client does not record it is not recorded', async () => {
    const { trace } = await ask('GET', '/v1/repos', clientTrace(false));
    const later = await ask('GET', '/v1/repos');
    await spansOf(later.trace.traceId);
    expect(collector.spans.filter(({ traceId }) => traceId === trace.traceId)).toEqual([]);
  });
});

test('the reading back of an upload is in the trace of its commit', async () => {
  const bytes = uniqueBytes(5 * 1024 ** 2 + 10);
  const session = await createSession(server, 'apps', bytes);
  const etags = [
    await sendPart(server, session, bytes.subarray(0, 5 * 1024 ** 2), { partNumber: 1 }),
    await sendPart(server, session, bytes.subarray(5 * 1024 ** 2), { partNumber: 2 }),
  ];
  await complete(server, session, ...etags);
  const { trace } = await ask('POST', `${session.path}/commit`);
  expect((await spansOf(trace.traceId)).all.map(({ name }) => name)).toContain('read back');
});

test('a job begins a trace', async () => {
  const bytes = uniqueBytes(10);
  await server.request('POST', '/v1/repos/apps/uploads', {
    json: { expectedDigest: sha256(bytes), expectedLength: 10 },
  });
  const { json } = await server.request('GET', '/v1/repos/apps/uploads?state=initiated');
  await server.request('POST', `/v1/repos/apps/uploads/${json.items[0].uploadId}/abort`);
  await server.runWorker();
  const job = () => collector.spans.find(({ name }) => name === 'job object.purge');
  await expect.poll(job, { timeout: 15_000 }).toBeDefined();
  expect(job()?.parentSpanId).toBeUndefined();
});

test('the headers of the setting go to the collector', () => {
  expect(new Set(collector.headers.map((headers) => headers['x-api-key']))).toEqual(new Set(['collector-secret']));
});

test('no span holds a token, a digest, a key of a repository or a query', async () => {
  const bytes = uniqueBytes(500);
  const session = await createSession(server, 'apps', bytes);
  await sendPart(server, session, bytes);
  const { trace } = await ask('GET', '/v1/repos/apps/blobs?prefix=abcdef');
  await spansOf(trace.traceId);
  const sent = collector.texts.join('\n');
  for (const secret of [server.adminToken, sha256(bytes), '"apps"', 'prefix=abcdef', 'signature=']) {
    expect(sent).not.toContain(secret);
  }
});
