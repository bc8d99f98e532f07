import type { Agent } from 'node:http';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256 } from '../support/uploading.ts';
import { LENGTHS, nameOf, RANGE_TABLE, type RangeAnswer } from './range-table.ts';
import { blobPath, countedBytes, store, storeInParts } from './support.ts';
import { type Exchange, exchange, head, keepAliveAgent, talk } from './wire.ts';

let server: TestServer;
let agent: Agent & Disposable;
let blobs: Buffer[];

beforeAll(async () => {
  server = await startTestServer();
  agent = keepAliveAgent();
  await server.createRepository('apps');
  const small = [0, 1, 10].map(countedBytes);
  for (const bytes of small) await store(server, 'apps', bytes);
  blobs = [...small, await storeInParts(server, 'apps')];
});

afterAll(async () => {
  agent[Symbol.dispose]();
  await server.close();
});

async function download(bytes: Buffer, range: string): Promise<Exchange> {
  return await exchange(server, 'GET', blobPath('apps', sha256(bytes)), { headers: { range }, agent });
}

interface Expectation {
  status: number;
  /** The code of the error, where it is one. */
  error: string | undefined;
  contentRange: string | undefined;
  /** The bytes of the blob; undefined where the answer is an error. */
  slice: Buffer | undefined;
}

function expectationOf(answer: RangeAnswer, bytes: Buffer): Expectation {
  switch (answer) {
    case 'malformed':
      return { status: 400, error: 'bad_request', contentRange: undefined, slice: undefined };
    case 'unsatisfiable':
      return { status: 416, error: 'invalid_range', contentRange: `bytes */${bytes.length}`, slice: undefined };
    case 'whole':
      return { status: 200, error: undefined, contentRange: undefined, slice: bytes };
    default: {
      const [first, last] = answer;
      const contentRange = `bytes ${first}-${last}/${bytes.length}`;
      return { status: 206, error: undefined, contentRange, slice: bytes.subarray(first, last + 1) };
    }
  }
}

function expectAnswer({ status, headers, bytes }: Exchange, { slice, ...expected }: Expectation): void {
  const error = slice === undefined ? JSON.parse(bytes.toString()).error : undefined;
  const received = { status, error, contentRange: headers['content-range'] };
  expect(received).toEqual(expected);
  expect(Number(headers['content-length'])).toBe(slice?.length ?? bytes.length);
  if (slice !== undefined) expect(bytes.equals(slice)).toBe(true);
}

test('the table has more than 60 headers, each once', () => {
  const headers = new Set(RANGE_TABLE.map((row) => row.header));
  expect(headers.size).toBe(RANGE_TABLE.length);
  expect(headers.size).toBeGreaterThanOrEqual(60);
});

test('the blobs have the lengths that the table speaks of', () => {
  expect(blobs.map((bytes) => bytes.length)).toEqual(LENGTHS);
});

test.each(RANGE_TABLE.map((row) => ({ ...row, name: nameOf(row) })))(
  'Range $name over HTTP answers what the table says',
  async ({ header, answers }) => {
    for (const [index, bytes] of blobs.entries()) {
      expectAnswer(await download(bytes, header), expectationOf(answers[index] ?? 'malformed', bytes));
    }
  },
);

test('two Range fields are several ranges', async () => {
  const [, , ten = Buffer.alloc(0)] = blobs;
  const request = head(server, 'GET', blobPath('apps', sha256(ten)), { range: 'bytes=0-1', connection: 'close' });
  const answer = await talk(server.url, request.replace('range:', 'range: bytes=2-3\r\nrange:'));
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
});

test('any range of an object of several files is exactly that slice', async () => {
  const [, , , bytes = Buffer.alloc(0)] = blobs;
  const place = fc.nat({ max: bytes.length - 1 });
  await fc.assert(
    fc.asyncProperty(place, place, async (a, b) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      const reply = await download(bytes, `bytes=${first}-${last}`);
      expect(reply.status).toBe(206);
      expect(reply.headers['content-range']).toBe(`bytes ${first}-${last}/${bytes.length}`);
      expect(reply.bytes.equals(bytes.subarray(first, last + 1))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('ranges that follow each other make up the whole', async () => {
  const [, , , bytes = Buffer.alloc(0)] = blobs;
  const pieces: Buffer[] = [];
  const step = 999_983;
  for (let first = 0; first < bytes.length; first += step) {
    pieces.push((await download(bytes, `bytes=${first}-${first + step - 1}`)).bytes);
  }
  expect(sha256(Buffer.concat(pieces))).toBe(sha256(bytes));
});
