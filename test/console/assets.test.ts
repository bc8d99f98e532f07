import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chooseCoding } from '../../src/console/assets.ts';
import { contentSecurityPolicy } from '../../src/console/content-security-policy.ts';
import { bucketAddresses } from '../../src/objects/s3/bucket-addresses.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.close());

const page = () => server.request('GET', '/console', { token: null });
const namesIn = (html: string): string[] =>
  [...html.matchAll(/"(console\/assets\/[^"]+)"/g)].map(([, name]) => `/${name ?? ''}`);

describe('the page of the console', () => {
  test('is there for everybody, and asks each time whether it is still the same', async () => {
    const first = await page();
    expect(first.status).toBe(200);
    expect(first.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const again = await server.request('GET', '/console', {
      token: null,
      headers: { 'if-none-match': first.headers.get('etag') ?? '' },
    });
    expect([again.status, again.bytes.length]).toEqual([304, 0]);
  });

  test('holds nothing inline, and its policy lets nothing inline run', async () => {
    const reply = await page();
    expect(reply.bytes.toString()).not.toMatch(/<style|<script(?![^>]* src=)|\son\w+=|\sstyle=/);
    const policy = reply.headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toContain('unsafe');
  });

  test('lets itself call this server by its public address', async () => {
    const other = await startTestServer({ settings: { publicUrl: 'https://artifacts.example/store' } });
    const reply = await other.request('GET', '/console', { token: null });
    expect(reply.headers.get('content-security-policy')).toContain("connect-src 'self' https://artifacts.example;");
    await other.close();
  });
});

describe('what the page loads', () => {
  test('is kept for ever under the address that names its version, and only there', async () => {
    const names = namesIn((await page()).bytes.toString());
    expect(names.map((name) => name.replace(/\?.*/, ''))).toEqual([
      '/console/assets/console.css',
      '/console/assets/console.js',
    ]);
    for (const name of names) {
      const versioned = await server.request('GET', name, { token: null });
      expect([versioned.status, versioned.headers.get('cache-control')]).toEqual([
        200,
        'public, max-age=31536000, immutable',
      ]);
      const other = await server.request('GET', name.replace(/v=.*/, 'v=0'), { token: null });
      expect([other.status, other.headers.get('cache-control')]).toEqual([200, 'no-cache']);
    }
  });

  test('is compressed as the client takes it, the same content in each coding', async () => {
    const encodings = ['identity', 'gzip', 'br'];
    const bodies = new Map<string, string>();
    for (const encoding of encodings) {
      const { headers, bytes } = await server.request('GET', '/console/assets/hash-worker.js', {
        token: null,
        headers: { 'accept-encoding': encoding },
      });
      expect(headers.get('content-encoding') ?? 'identity').toBe(encoding);
      expect(headers.get('vary')).toBe('Accept-Encoding');
      bodies.set(headers.get('etag') ?? '', bytes.toString());
    }
    expect(bodies.size).toBe(encodings.length);
    expect(new Set(bodies.values()).size).toBe(1);
  });

  test('is at most 100 KB of compressed JavaScript', async () => {
    let total = 0;
    for (const name of ['console.js', 'hash-worker.js']) {
      const raw = await fetch(`${server.url}/console/assets/${name}`, { headers: { 'accept-encoding': 'gzip' } });
      total += Number(raw.headers.get('content-length'));
      await raw.body?.cancel();
    }
    expect(total).toBeGreaterThan(10_000);
    expect(total).toBeLessThanOrEqual(100_000);
  });

  test('is a 404 where there is no such file', async () => {
    for (const name of ['none.js', '..%2f..%2fpackage.json', 'index.html']) {
      expect((await server.request('GET', `/console/assets/${name}`, { token: null })).status).toBe(404);
    }
  });
});

test.each([
  [undefined, 'identity'],
  ['', 'identity'],
  ['gzip', 'gzip'],
  ['gzip, deflate, br, zstd', 'br'],
  ['GZIP;q=0.5', 'gzip'],
  ['br;q=0, gzip', 'gzip'],
  ['br;q=0.0', 'identity'],
  ['deflate', 'identity'],
])('of "%s" the coding "%s" is chosen', (header, coding) => {
  expect(chooseCoding(header)).toBe(coding);
});

describe('the policy lets the page send parts to the bucket,', () => {
  const location = {
    bucket: 'artifacts',
    endpoint: undefined,
    publicEndpoint: undefined,
    region: 'eu-central-1',
    forcePathStyle: false,
    prefix: '',
    caFile: undefined,
    verifyTls: true,
    serverSideEncryption: undefined,
    kmsKeyId: undefined,
    connectTimeoutMs: 1,
    requestTimeoutMs: 1,
    maximumAttempts: 1,
  } as const;

  test.each([
    ['at AWS', {}, 'https://s3.eu-central-1.amazonaws.com https://artifacts.s3.eu-central-1.amazonaws.com'],
    ['by path', { endpoint: 'http://minio:9000', forcePathStyle: true }, 'http://minio:9000'],
    [
      'at the address that clients reach it by',
      { endpoint: 'http://minio:9000', publicEndpoint: 'https://s3.example:444', forcePathStyle: true },
      'https://s3.example:444',
    ],
  ])('%s', (_name, change, origins) => {
    const policy = contentSecurityPolicy(bucketAddresses({ ...location, ...change }));
    expect(policy).toContain(`connect-src 'self' ${origins};`);
  });
});
