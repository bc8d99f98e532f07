import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import {
  AMBIGUOUS_LENGTHS,
  BROKEN_HEADS,
  BROKEN_PIECES,
  type FramingCase,
  ODD_BUT_PLAIN,
  PIPELINES,
} from './framing.ts';
import { converse, type WireAnswer } from './wire.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { headersTimeoutSeconds: 1, jsonBodyTimeoutSeconds: 1 } });
  await server.createRepository('apps');
});

afterAll(() => server.close());

/** What is wrong with a refusal by the contract; undefined: nothing. */
function flawOf({ status, headers, body }: WireAnswer): string | undefined {
  if (status < 400) return undefined;
  if (headers.get('content-type') !== 'application/json; charset=utf-8') return `no JSON: ${body}`;
  const { error, message, requestId } = JSON.parse(body);
  if (typeof error !== 'string' || typeof message !== 'string') return `no error body: ${body}`;
  if (requestId !== headers.get('x-request-id')) return 'another request id';
  return headers.get('x-content-type-options') === 'nosniff' ? undefined : 'no security headers';
}

async function judge({ send, statuses: wanted, either = false }: FramingCase): Promise<void> {
  const { answers, closed, rest } = await converse(server.url, ...send);
  const statuses = either ? wanted.filter((status) => status === answers[0]?.status) : wanted;
  const seen = { statuses: answers.map(({ status }) => status), flaws: answers.flatMap((one) => flawOf(one) ?? []) };
  expect({ ...seen, closed, rest }).toEqual({ statuses, flaws: [], closed: true, rest: '' });
}

describe('a request whose end is in doubt is refused, and nothing behind it is taken for another one:', () => {
  test.each(AMBIGUOUS_LENGTHS)('$name', judge);
});

describe('a body in pieces is refused for', () => {
  test.each(BROKEN_PIECES)('$name', judge);
});

describe('a head is refused for', () => {
  test.each(BROKEN_HEADS)('$name', judge);
});

describe('what is unusual and plain has one meaning:', () => {
  test.each(ODD_BUT_PLAIN)('$name', judge);
});

describe('requests behind one another:', () => {
  test.each(PIPELINES)('$name', judge);
});

describe('what comes too slowly is answered once, and cut:', () => {
  const authorization = () => `Authorization: Bearer ${server.adminToken}\r\n`;
  const json = 'Content-Type: application/json\r\n';
  const post = (path: string, length: string) =>
    `POST ${path} HTTP/1.1\r\nHost: a\r\n${json}${authorization()}${length}\r\n\r\n`;

  test.concurrent.each<[string, number, () => string]>([
    ['a request line', 400, () => 'GET /health'],
    ['headers', 400, () => 'GET /health/live HTTP/1.1\r\nHost: a\r\nX: '],
    ['a JSON body', 400, () => `${post('/v1/repos', 'Content-Length: 9')}{`],
    ['a JSON body in pieces', 400, () => `${post('/v1/repos', 'Transfer-Encoding: chunked')}5\r\n{`],
    ['a JSON body that is too large', 413, () => `${post('/v1/auth/oidc/exchange', 'Content-Length: 9999999')}{`],
    ['the body of a route that reads none', 404, () => `${post('/v1/nowhere', 'Content-Length: 9')}{`],
    ['the body of a GET', 200, () => 'GET /health/live HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{'],
  ])('%s', async (_name, status, text) => {
    await judge({ name: '', send: [text()], statuses: [status] });
  });
});

test.each([
  ['a refused upload', 'PUT', `/v1/repos/apps/blobs/${'a'.repeat(64)}`],
  ['a GET', 'GET', '/health/live'],
  ['what is no route', 'POST', '/v1/nowhere'],
])(
  'a body without end of %s is read no further than a little, and cut behind its answer',
  async (_name, method, path) => {
    const head = `${method} ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n`;
    const { answers, closed, sentBytes } = await converse(
      server.url,
      head,
      ...Array(1000).fill('x'.repeat(256 * 1024)),
    );
    expect({ answers: answers.length, closed }).toEqual({ answers: 1, closed: true });
    expect(sentBytes).toBeLessThan(64 * 1024 ** 2);
  },
);

test('two tokens are a 401, whichever comes first', async () => {
  const good = `Authorization: Bearer ${server.adminToken}\r\n`;
  const bad = 'Authorization: Bearer x\r\n';
  for (const both of [good + bad, bad + good, good + good]) {
    const send = [`GET /v1/repos HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${both}\r\n`];
    await judge({ name: '', send, statuses: [401] });
  }
});

test('the server goes on after all of it', async () => {
  expect((await server.request('GET', '/health/live')).status).toBe(200);
});
