import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { expectError } from './expect-error.ts';
import { rawRequest, sendRaw } from './raw-request.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

describe('what is no HTTP is a 400 in the shape of the contract:', () => {
  test.each([
    ['a greeting', 'hello\r\n\r\n'],
    ['bytes of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['a method that there is not', 'FETCH / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a version that there is not', 'GET / HTTP/9.9\r\nHost: a\r\n\r\n'],
    ['a header without a colon', 'GET / HTTP/1.1\r\nHost a\r\n\r\n'],
    ['a blank before the colon', 'GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n'],
    ['a NUL in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n'],
    ['a blank in the path', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['a length that is no number', 'POST /v1/repos HTTP/1.1\r\nHost: a\r\nContent-Length: two\r\n\r\n{}'],
    ['a length below zero', 'POST /v1/repos HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{}'],
    ['two lengths', 'POST /v1/repos HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}'],
    [
      'a length beside pieces',
      'POST /v1/repos HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a coding that there is not', 'POST /v1/repos HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: nonsense\r\n\r\n{}'],
    ['headers of 20,000 bytes', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`],
    ['no Host', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'],
  ])('%s', async (_name, text) => {
    expectError(await sendRaw(server.url, text), 400, 'bad_request');
  });
});

test('a request of HTTP/1.0 needs no Host', async () => {
  expect((await sendRaw(server.url, 'GET / HTTP/1.0\r\n\r\n')).status).toBe(200);
});

test('an expectation that there is not is answered as if it were none', async () => {
  const reply = await sendRaw(server.url, rawRequest('GET', '/nowhere', { expect: 'miracles' }));
  expectError(reply, 404, 'not_found');
});

describe('of a connection that asked for a proxy', () => {
  const REQUEST = 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n';
  const open = () => connect({ port: Number(new URL(server.url).port), host: '127.0.0.1', allowHalfOpen: true });

  test('a reset ends that connection alone', async () => {
    for (let round = 0; round < 50; round += 1) {
      const socket = open();
      await once(socket, 'connect');
      socket.write(REQUEST, () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    expect((await server.request('GET', '/health/live')).status).toBe(200);
  });

  test('the end is not left to the client', async () => {
    const socket = open();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume().on('error', () => undefined);
    // More bytes than there is room for: nobody reads them.
    socket.write(REQUEST + ' '.repeat(8 * 1024 * 1024));
    await closed;
  });
});

test('the server goes on after garbage', async () => {
  await sendRaw(server.url, '\0'.repeat(1000));
  expect((await server.request('GET', '/health/live')).status).toBe(200);
});
