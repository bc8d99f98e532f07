import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { expectError } from './expect-error.ts';
import { rawRequest, sendRaw } from './raw-request.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];
/** Filled in for the parameters of a path. */
const toPath = (pattern: string) => pattern.replaceAll(/\{[^}]*\}/g, 'anything');

interface Documented {
  path: string;
  /** Those of the document, and the `HEAD` that goes with every `GET` (RFC 9110 §9.3.2). */
  allowed: string[];
}

async function documented(): Promise<Documented[]> {
  const { json } = await server.request('GET', '/openapi.json', { token: null });
  return Object.entries<Record<string, unknown>>(json.paths).map(([path, operations]) => {
    const methods = Object.keys(operations).map((method) => method.toUpperCase());
    return { path, allowed: [...new Set([...methods, ...(methods.includes('GET') ? ['HEAD'] : [])])].sort() };
  });
}

test('a method that a path of the document does not know is a 405 with those that it does', async () => {
  const answers = await Promise.all(
    (await documented()).flatMap(({ path, allowed }) =>
      METHODS.filter((method) => !allowed.includes(method)).map(async (method) => {
        const authorization = `Bearer ${server.adminToken}`;
        const reply = await sendRaw(server.url, rawRequest(method, toPath(path), { authorization }));
        const { status, json } = reply;
        const seen = { status, error: json?.error, allow: reply.headers.get('allow') };
        // The answer to a HEAD has no body (RFC 9110 §9.3.2).
        const error = method === 'HEAD' ? undefined : 'method_not_allowed';
        return { method, path, seen, wanted: { status: 405, error, allow: allowed.join(', ') } };
      }),
    ),
  );
  expect(answers.filter(({ seen, wanted }) => JSON.stringify(seen) !== JSON.stringify(wanted))).toEqual([]);
});

test('a method that a path knows is never a 405', async () => {
  const answers = await Promise.all(
    (await documented()).flatMap(({ path, allowed }) =>
      allowed.map(async (method) => ({ method, path, status: (await server.request(method, toPath(path))).status })),
    ),
  );
  expect(answers.filter(({ status }) => status === 405)).toEqual([]);
});

describe('a 405 and a 404 of a route ask nobody who they are, nor for a body:', () => {
  test.each([
    ['PATCH', '/v1/repos', 405, 'method_not_allowed'],
    ['POST', '/v1/nowhere', 404, 'not_found'],
  ] as const)('%s %s', async (method, path, status, code) => {
    const headers = { 'content-type': 'text/plain' };
    expectError(await server.request(method, path, { token: null, body: '{', headers }), status, code);
  });
});

test.each([
  '/nowhere',
  '/v1',
  '/v1/',
  '/v2/repos',
  '//v1/repos',
  '/v1/repos/apps/',
  '/v1/repos/apps/nothing',
  '/v1/repos/apps/blobs/a/b',
  '/V1/REPOS',
  '/v1/repos/apps/uploads/1/2/3',
  '/docs/static/nothing.js',
  '/docs/static/..%2f..%2f..%2fpackage.json',
])('%s is a 404', async (path) => {
  const authorization = `Bearer ${server.adminToken}`;
  expectError(await sendRaw(server.url, rawRequest('GET', path, { authorization })), 404, 'not_found');
});

test('a HEAD of a route that is not there has the headers of its 404', async () => {
  const reply = await server.request('HEAD', '/nowhere');
  expect([reply.status, reply.headers.get('x-request-id') === null]).toEqual([404, false]);
});
