import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { rawRequest, sendRaw } from '../raw-request.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
});

afterAll(() => server.close());

/** One step up, in every way in which some server has taken it for one. */
const STEPS_UP = [
  '../',
  '..%2f',
  '..%2F',
  '%2e%2e/',
  '%2e%2e%2f',
  '.%2e/',
  '%252e%252e%252f',
  '%25252e%25252e%25252f',
  '..\\',
  '..%5c',
  '%2e%2e%5c',
  '..;/',
  '..%00/',
  '..%0d/',
  '....//',
  '..././',
  '%c0%ae%c0%ae%c0%af',
  '%e0%80%ae%e0%80%ae/',
  '%u002e%u002e%u2215',
  '%ef%bc%8e%ef%bc%8e%ef%bc%8f',
  '/../',
  '//',
  './',
];

/** Where a path could lead to a file, or to another resource than the one that was judged. */
const PLACES = [
  '/docs/static/',
  '/v1/repos/',
  '/v1/repos/apps/blobs/',
  '/v1/repos/apps/uploads/',
  '/v1/repos/apps/bindings/',
  `/v1/store/blobs/sha256/aa/${'a'.repeat(64)}/`,
  '/v1/store/',
  '/',
];

const TARGETS = ['package.json', 'etc/passwd', 'signing.key', 'v1/auth/pats'];

/** What stands in the files that there are. */
const LEAKED = /root:x:0|"devDependencies"|PRIVATE KEY|"revokedAtUtc"/;

describe.each(PLACES)('from %s no path leads', (place) => {
  test.each(STEPS_UP)('out by %s', async (step) => {
    for (const target of TARGETS) {
      for (const path of [`${place}${step.repeat(8)}${target}`, `${place}${step}${target}`]) {
        const headers = { authorization: `Bearer ${server.adminToken}` };
        const reply = await sendRaw(server.url, rawRequest('GET', path, headers));
        const text = JSON.stringify(reply.json ?? '');
        expect({ path, refused: reply.status >= 400 && reply.status < 500, leaked: LEAKED.test(text) }).toEqual({
          path,
          refused: true,
          leaked: false,
        });
      }
    }
  });
});

test('a path to a repository stands for that one, however it is written, or for none', async () => {
  const reader = await server.issueToken('reader', ['repo:other:read']);
  for (const key of [
    'apps',
    'APPS',
    '%61pps',
    'other%2f..%2fapps',
    'other/../apps',
    './apps',
    'apps/',
    'apps%20',
    'apps;x',
    'apps%00',
  ]) {
    const reply = await sendRaw(
      server.url,
      rawRequest('GET', `/v1/repos/${key}`, { authorization: `Bearer ${reader}` }),
    );
    expect({ key, refused: [400, 403, 404].includes(reply.status) }).toEqual({ key, refused: true });
  }
});
