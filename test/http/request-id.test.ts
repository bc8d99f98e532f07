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

const blob = () => `/v1/repos/apps/blobs/${sha256(bytes)}`;

describe('an id is on', () => {
  test.each<[name: string, status: number, path: () => string, options?: Parameters<TestServer['request']>[2]]>([
    ['a 200 with JSON', 200, () => '/v1/repos'],
    ['a 200 with bytes', 200, blob],
    ['a 206', 206, blob, { headers: { range: 'bytes=0-1' } }],
    ['a 304', 304, blob, { headers: { 'if-none-match': '*' } }],
    ['a 400', 400, () => '/v1/repos?limit=0'],
    ['a 401', 401, () => '/v1/repos', { token: null }],
    ['a 404', 404, () => '/v1/repos/nowhere'],
    ['a 404 of a route', 404, () => '/nowhere'],
    ['a 416', 416, blob, { headers: { range: 'bytes=5000-' } }],
    ['a page of the docs', 200, () => '/docs'],
    ['a file of the docs', 200, () => '/docs/static/swagger-ui.css'],
    ['the OpenAPI document', 200, () => '/openapi.json'],
    ['the metrics', 200, () => '/metrics'],
    ['the health', 200, () => '/health/live'],
  ])('%s', async (_name, status, path, options) => {
    const reply = await server.request('GET', path(), options);
    expect({ status: reply.status, id: reply.headers.get('x-request-id') }).toEqual({
      status,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });
});

test('it differs from request to request', async () => {
  const replies = await Promise.all(Array.from({ length: 20 }, () => server.request('GET', '/')));
  expect(new Set(replies.map((reply) => reply.headers.get('x-request-id'))).size).toBe(20);
});

test('it is the one of the audit row', async () => {
  const reply = await server.request('POST', '/v1/repos', { json: { repoKey: 'traced', repoType: 'local' } });
  const { json } = await server.request('GET', '/v1/audit?action=repo.created&resourceId=traced');
  expect(json.items).toMatchObject([{ requestId: reply.headers.get('x-request-id') }]);
});
