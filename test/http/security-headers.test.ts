import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../support/uploading.ts';

let server: TestServer;
const bytes = uniqueBytes();

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  await upload(server, 'apps', bytes);
});

afterAll(() => server.close());

const EXPECTED = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
};

describe('every answer', () => {
  test.each([
    ['a success', 'GET', '/v1/repos', 200],
    ['a download', 'GET', `/v1/repos/apps/blobs/${sha256(bytes)}`, 200],
    ['a HEAD', 'HEAD', `/v1/repos/apps/blobs/${sha256(bytes)}`, 200],
    ['a refusal', 'GET', '/v1/repos/none', 404],
    ['a route that is none', 'GET', '/none', 404],
    ['a method that is none', 'PATCH', '/v1/repos', 405],
    ['the documentation', 'GET', '/docs/', 200],
  ])('of the kind "%s" carries the headers that keep a browser from harm', async (_name, method, path, status) => {
    const reply = await server.request(method, path);
    expect(reply.status).toBe(status);
    expect(Object.fromEntries(reply.headers)).toMatchObject(EXPECTED);
    const policy = reply.headers.get('content-security-policy') ?? '';
    if (path.startsWith('/docs')) expect(policy).toMatch(/script-src 'self'/);
    else expect(policy).toBe("default-src 'none'; frame-ancestors 'none'; sandbox");
    expect(policy).not.toMatch(/script-src[^;]*'unsafe-/);
  });

  test('says nothing of what the server is made of', async () => {
    const reply = await server.request('GET', '/v1/repos');
    expect([reply.headers.get('server'), reply.headers.get('x-powered-by')]).toEqual([null, null]);
  });

  test.each([
    ['a token', 'POST', '/v1/auth/pats', { json: { subject: 'ci', scopes: ['repo:apps:read'], ttlMinutes: 5 } }],
    ['who somebody is', 'GET', '/v1/auth/whoami', {}],
    ['a list', 'GET', '/v1/repos', {}],
    ['a refusal', 'GET', '/v1/repos/none', {}],
  ])('with %s is for nobody to keep', async (_what, method, path, options) => {
    expect((await server.request(method, path, options)).headers.get('cache-control')).toBe('no-store');
  });

  test('tells browsers to stay with HTTPS where the public address is one', async () => {
    expect((await server.request('GET', '/')).headers.get('strict-transport-security')).toBeNull();
    const secure = await startTestServer({ settings: { publicUrl: 'https://artifacts.example' } });
    expect((await secure.request('GET', '/')).headers.get('strict-transport-security')).toBe('max-age=31536000');
    await secure.close();
  });
});
