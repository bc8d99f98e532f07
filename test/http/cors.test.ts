import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, uniqueBytes } from '../support/uploading.ts';

const ORIGIN = 'https://ui.example';

let closed: TestServer;
let open: TestServer;
let anyone: TestServer;

beforeAll(async () => {
  closed = await startTestServer();
  open = await startTestServer({ settings: { corsOrigins: [ORIGIN, 'https://other.example'] } });
  anyone = await startTestServer({ settings: { corsOrigins: ['*'] } });
  await open.createRepository('apps');
});

afterAll(() => Promise.all([closed.close(), open.close(), anyone.close()]));

const corsHeaders = (headers: Headers): string[] =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-'));

function preflight(server: TestServer, origin: string, path = '/v1/repos') {
  return server.request('OPTIONS', path, {
    token: null,
    headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  });
}

describe('without the setting', () => {
  test('no page of another origin may read an answer', async () => {
    const reply = await closed.request('GET', '/v1/repos', { headers: { origin: ORIGIN } });
    expect(corsHeaders(reply.headers)).toEqual([]);
    expectError(await preflight(closed, ORIGIN), 405, 'method_not_allowed');
  });
});

describe('with origins in the setting', () => {
  test('their pages may, and see what they need to resume', async () => {
    const reply = await open.request('GET', '/v1/repos', { headers: { origin: ORIGIN } });
    expect(reply.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(reply.headers.get('access-control-expose-headers')).toContain('ETag');
    expect(reply.headers.get('access-control-allow-credentials')).toBeNull();
    expect(reply.headers.get('vary')).toContain('Origin');
  });

  test('a preflight is answered before anybody is asked who they are', async () => {
    const reply = await preflight(open, ORIGIN);
    expect(reply.status).toBe(204);
    expect(reply.headers.get('access-control-allow-methods')).toContain('PUT');
    expect(reply.headers.get('access-control-allow-headers')).toContain('Authorization');
  });

  test('a refusal can be read too', async () => {
    const reply = await open.request('GET', '/v1/repos', { token: null, headers: { origin: ORIGIN } });
    expect([reply.status, reply.headers.get('access-control-allow-origin')]).toEqual([401, ORIGIN]);
  });

  test.each(['https://evil.example', 'https://ui.example.evil.example', 'http://ui.example', 'null'])(
    'pages of %s may not',
    async (origin) => {
      const reply = await open.request('GET', '/v1/repos', { headers: { origin } });
      expect(corsHeaders(reply.headers)).toEqual([]);
      expect(reply.headers.get('vary')).toContain('Origin');
      expectError(await preflight(open, origin), 405, 'method_not_allowed');
    },
  );

  test('the URL of a part can be used from a page', async () => {
    const session = await createSession(open, 'apps', uniqueBytes());
    const signed = await open.request('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
    const asked = await preflight(open, ORIGIN, String(signed.json.uploadUrl));
    expect(asked.status).toBe(204);
    expect(asked.headers.get('access-control-allow-headers')?.toLowerCase()).toContain('x-amz-checksum-sha256');
    const put = await open.request('PUT', String(signed.json.uploadUrl), {
      token: null,
      body: uniqueBytes(),
      headers: { origin: ORIGIN },
    });
    expect([put.status, put.headers.get('access-control-allow-origin')]).toEqual([200, ORIGIN]);
    expect(put.headers.get('etag')).toBeTruthy();
  });
});

test('with * pages of any origin may', async () => {
  const reply = await anyone.request('GET', '/v1/repos', { headers: { origin: 'https://any.example' } });
  expect(reply.headers.get('access-control-allow-origin')).toBe('*');
});
