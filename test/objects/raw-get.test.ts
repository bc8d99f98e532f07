import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRawClient, type RawBody, type RawClient } from '../../src/objects/s3/raw-get.ts';
import { makeCertificate } from '../support/certificates.ts';

const BYTES = randomBytes(5 * 1024 ** 2 + 77);
const CUT_AT = 1_000_000;
const STALL_MS = 300;
const NEVER = new AbortController().signal;

/** What a store may answer, by path. */
const ANSWERS: Record<string, RequestListener> = {
  '/range': (_request, response) => {
    const range = `bytes 0-${BYTES.length - 1}/${BYTES.length}`;
    response.writeHead(206, { 'content-length': BYTES.length, 'content-range': range }).end(BYTES);
  },
  '/whole': (_request, response) => response.writeHead(200, { 'content-length': BYTES.length }).end(BYTES),
  '/last': (_request, response) =>
    response.writeHead(200, { 'content-length': BYTES.length, connection: 'close' }).end(BYTES),
  '/untrue': (_request, response) =>
    response.writeHead(206, { 'content-length': 10, 'content-range': 'bytes 0-99/100' }).end(BYTES.subarray(0, 10)),
  '/missing': (_request, response) => response.writeHead(404, { 'content-length': 3 }).end('no!'),
  '/chunked': (_request, response) => {
    response.writeHead(200);
    response.write(BYTES.subarray(0, 10));
    response.end(BYTES.subarray(10));
  },
  '/cut': (_request, response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, CUT_AT), () => setTimeout(() => response.socket?.destroy(), 50));
  },
  '/stall': (_request, response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, CUT_AT));
  },
  '/silent': () => undefined,
  '/garbage': (request) => request.socket.end('SSH-2.0-OpenSSH\r\n\r\n'),
  '/long-head': (request) => request.socket.write(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(200_000)}`),
  '/more': (request) => {
    const body = `${BYTES.toString('latin1', 0, 10)}and what nobody asked for`;
    request.socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n${body}`, 'latin1');
  },
};

const answer: RequestListener = (request, response) => ANSWERS[request.url ?? '']?.(request, response);

let folder: string;
let ca: Buffer;
const servers: Server[] = [];
const connections = { http: 0, https: 0 };
const bases = { http: '', https: '' };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'artifortress-raw-'));
  const { certificateFile, keyFile } = await makeCertificate(folder, 'store');
  ca = await readFile(certificateFile);
  const plain = createServer(answer);
  const secure = createTlsServer({ cert: ca, key: await readFile(keyFile) }, answer);
  plain.on('connection', () => (connections.http += 1));
  secure.on('secureConnection', () => (connections.https += 1));
  servers.push(plain, secure);
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  const portOf = (server: Server) => (server.address() as AddressInfo).port; // oxlint-disable-line typescript/no-unsafe-type-assertion -- it listens on TCP
  bases.http = `http://127.0.0.1:${portOf(plain)}`;
  bases.https = `https://127.0.0.1:${portOf(secure)}`;
});

afterAll(async () => {
  for (const server of servers) server.close();
  await rm(folder, { recursive: true, force: true });
});

async function withClient<Result>(work: (client: RawClient) => Promise<Result>): Promise<Result> {
  const client = createRawClient({ ca });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

const get = (client: RawClient, path: string, scheme: 'http' | 'https' = 'http') =>
  client.get(new URL(path, bases[scheme]), { Range: 'bytes=0-' }, NEVER);

async function opened(client: RawClient, path: string, scheme: 'http' | 'https' = 'http'): Promise<RawBody> {
  const body = await get(client, path, scheme);
  if (body === undefined) throw new Error(`no body of ${path}`);
  return body;
}

/** Reads to the end, by buffers of this size. */
async function digestOf(body: RawBody, size: number): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(size);
  for (let read = 0; read < BYTES.length; ) {
    const count = await body.read(buffer, STALL_MS * 10);
    hash.update(buffer.subarray(0, count));
    read += count;
  }
  return hash.digest('hex');
}

const DIGEST = createHash('sha256').update(BYTES).digest('hex');

describe.each(['http', 'https'] as const)('a GET by %s', (scheme) => {
  test.each([1000, 65_536, 1_048_576, BYTES.length + 1])('brings every byte, by buffers of %i', async (size) => {
    await withClient(async (client) => {
      const body = await opened(client, '/range', scheme);
      expect(body.range).toEqual({ start: 0, end: BYTES.length - 1, totalBytes: BYTES.length });
      expect(await digestOf(body, size)).toBe(DIGEST);
      await expect(body.read(Buffer.alloc(1), STALL_MS)).rejects.toThrow('over');
    });
  });

  test('uses a connection again, unless the store says that it closes it', async () => {
    await withClient(async (client) => {
      const before = connections[scheme];
      for (const path of ['/whole', '/range', '/last', '/whole']) {
        expect(await digestOf(await opened(client, path, scheme), 65_536)).toBe(DIGEST);
      }
      expect(connections[scheme] - before).toBe(2);
    });
  });

  test('a body that is given up takes its connection with it', async () => {
    await withClient(async (client) => {
      const before = connections[scheme];
      const body = await opened(client, '/whole', scheme);
      await body.read(Buffer.alloc(10), STALL_MS * 10);
      body.destroy();
      expect(await digestOf(await opened(client, '/whole', scheme), 65_536)).toBe(DIGEST);
      expect(connections[scheme] - before).toBe(2);
    });
  });

  test.each(['/cut', '/stall'])('a body that breaks off (%s) is an error behind its last good byte', async (path) => {
    await withClient(async (client) => {
      const body = await opened(client, path, scheme);
      const parts: Buffer[] = [];
      const readOn = async () => {
        for (;;) {
          const buffer = Buffer.alloc(300_000);
          parts.push(buffer.subarray(0, await body.read(buffer, STALL_MS)));
        }
      };
      await expect(readOn()).rejects.toThrow(path === '/cut' ? /closed|reset|ECONN/ : /no byte came/);
      expect(Buffer.concat(parts).equals(BYTES.subarray(0, CUT_AT))).toBe(true);
    });
  });
});

test.each(['/missing', '/chunked', '/garbage', '/long-head'])('%s is for somebody else to understand', async (path) => {
  expect(await withClient((client) => get(client, path))).toBeUndefined();
});

test('a range that the length of the body gives the lie to is none', async () => {
  expect((await withClient((client) => opened(client, '/untrue'))).range).toBeUndefined();
});

test('a store that nobody answers at, or with a certificate of somebody else, is no answer', async () => {
  const ask = (client: RawClient, url: string) => client.get(new URL(url), {}, NEVER);
  expect(await withClient((client) => ask(client, 'http://127.0.0.1:1/'))).toBeUndefined();
  expect(await ask(createRawClient({}), `${bases.https}/whole`)).toBeUndefined();
});

test('the wait for the head ends with its signal', async () => {
  await withClient(async (client) => {
    const giveUp = new AbortController();
    const asked = client.get(new URL('/silent', bases.http), {}, giveUp.signal);
    setTimeout(() => giveUp.abort(), 50);
    await expect(asked).rejects.toThrow('aborted');
  });
});

test('a signal that has been given asks for nothing', async () => {
  await withClient(async (client) => {
    const before = connections.http;
    await expect(client.get(new URL('/whole', bases.http), {}, AbortSignal.abort())).rejects.toThrow('aborted');
    expect(connections.http).toBe(before);
  });
});

test('bytes that nobody asked for end the connection, and are never read as an answer', async () => {
  await withClient(async (client) => {
    const before = connections.http;
    const body = await opened(client, '/more');
    const buffer = Buffer.alloc(100);
    expect(await body.read(buffer, STALL_MS)).toBe(10);
    expect(buffer.subarray(0, 10).equals(BYTES.subarray(0, 10))).toBe(true);
    expect(await digestOf(await opened(client, '/whole'), 65_536)).toBe(DIGEST);
    expect(connections.http - before).toBe(2);
  });
});

test('an idle connection that the store closes is not used again', async () => {
  await withClient(async (client) => {
    const sockets = new Set<Socket>();
    servers[0]?.on('connection', (socket) => sockets.add(socket));
    await digestOf(await opened(client, '/whole'), 65_536);
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await digestOf(await opened(client, '/whole'), 65_536)).toBe(DIGEST);
  });
});
