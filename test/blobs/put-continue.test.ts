import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes } from '../support/uploading.ts';
import { blobPath, put, store, temporaryFile, unknownDigest } from './support.ts';
import { type Exchange, exchange } from './wire.ts';

const MAXIMUM_BYTES = 10_000_000;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ settings: { maximumArtifactBytes: MAXIMUM_BYTES } });
  await server.createRepository('apps');
  await server.request('POST', '/v1/repos', {
    json: { repoKey: 'mirror', repoType: 'remote', upstreamUrl: 'https://example.org' },
  });
});

afterAll(() => server.close());

async function putExpecting(target: string, body: Uint8Array, headers: Record<string, string> = {}): Promise<Exchange> {
  return await exchange(server, 'PUT', target, { body, headers: { expect: '100-continue', ...headers } });
}

test('a client that waits for "100 Continue" gets it where its bytes are needed', async () => {
  const bytes = uniqueBytes(300_000);
  const reply = await putExpecting(blobPath('apps', sha256(bytes)), bytes);
  expect(reply).toMatchObject({ status: 201, continued: true });
  const got = await server.request('GET', blobPath('apps', sha256(bytes)));
  expect(got.bytes.equals(bytes)).toBe(true);
});

test('a client that waits gets it for other bytes too: they have to be seen to be refused', async () => {
  const reply = await putExpecting(blobPath('apps', unknownDigest()), uniqueBytes());
  expect(reply).toMatchObject({ status: 409, continued: true });
});

test('a deduplicated upload is answered without a byte of the body', async () => {
  const bytes = uniqueBytes();
  await store(server, 'apps', bytes);
  const reply = await putExpecting(blobPath('apps', sha256(bytes)), bytes);
  expect(reply).toMatchObject({ status: 200, continued: false });
  expect(JSON.parse(reply.bytes.toString())).toMatchObject({ deduped: true });
});

test.each<[string, number, (bytes: Buffer) => [string, Record<string, string>]]>([
  ['without a good token', 401, (bytes) => [blobPath('apps', sha256(bytes)), { authorization: 'Bearer nobody' }]],
  ['with a malformed digest', 400, () => [blobPath('apps', 'abc'), {}]],
  ['with the digest of nothing', 400, () => [blobPath('apps', sha256(new Uint8Array())), {}]],
  ['into an unknown repository', 404, (bytes) => [blobPath('nowhere', sha256(bytes)), {}]],
  ['into a remote repository', 409, (bytes) => [blobPath('mirror', sha256(bytes)), {}]],
  [
    'over the limit',
    413,
    (bytes) => [blobPath('apps', sha256(bytes)), { 'content-length': String(MAXIMUM_BYTES + 1) }],
  ],
])('an upload %s is answered with %i without a byte of the body', async (_name, status, request) => {
  const bytes = uniqueBytes();
  const [target, headers] = request(bytes);
  expect(await putExpecting(target, bytes, headers)).toMatchObject({ status, continued: false });
});

test('an upload without the right is answered with 403 without a byte of the body', async () => {
  const token = await server.issueToken('reader', ['repo:apps:read']);
  const bytes = uniqueBytes();
  const reply = await putExpecting(blobPath('apps', sha256(bytes)), bytes, { authorization: `Bearer ${token}` });
  expect(reply).toMatchObject({ status: 403, continued: false });
});

interface CurlResult {
  status: number;
  uploadedBytes: number;
  json: unknown;
}

async function curl(file: string, target: string, ...options: string[]): Promise<CurlResult> {
  const { stdout } = await promisify(execFile)('curl', [
    '--silent',
    '--show-error',
    '--max-time',
    '20',
    '--header',
    `Authorization: Bearer ${server.adminToken}`,
    '--write-out',
    '\n%{http_code} %{size_upload}',
    ...options,
    '--upload-file',
    file,
    new URL(target, server.url).href,
  ]);
  const [body = '', summary = ''] = stdout.split('\n');
  const [status, uploadedBytes] = summary.split(' ').map(Number);
  return { status: status ?? 0, uploadedBytes: uploadedBytes ?? 0, json: JSON.parse(body) };
}

test.each([
  ['as it is', []],
  ['waiting for "100 Continue"', ['--header', 'Expect: 100-continue', '--expect100-timeout', '10']],
  ['not waiting', ['--header', 'Expect:']],
])('curl -T, %s, uploads a file', async (_name, options) => {
  const bytes = uniqueBytes(3_000_000);
  await using file = await temporaryFile(bytes);
  const result = await curl(file.path, blobPath('apps', sha256(bytes)), ...options);
  expect(result).toEqual({
    status: 201,
    uploadedBytes: bytes.length,
    json: { repoKey: 'apps', digest: sha256(bytes), length: bytes.length, deduped: false },
  });
});

test('curl -T, waiting for "100 Continue", sends not a byte of what is there already', async () => {
  const bytes = uniqueBytes(3_000_000);
  await put(server, 'apps', bytes);
  await using file = await temporaryFile(bytes);
  const wait = ['--header', 'Expect: 100-continue', '--expect100-timeout', '10'];
  const result = await curl(file.path, blobPath('apps', sha256(bytes)), ...wait);
  expect(result).toMatchObject({ status: 200, uploadedBytes: 0, json: { deduped: true } });
});

test('curl -T, not waiting, is told all the same that its bytes were there already', async () => {
  const bytes = uniqueBytes(3_000_000);
  await put(server, 'apps', bytes);
  await using file = await temporaryFile(bytes);
  const result = await curl(file.path, blobPath('apps', sha256(bytes)), '--header', 'Expect:');
  expect(result).toMatchObject({ status: 200, json: { deduped: true } });
});

test('curl -T of an empty file is the blob of nothing', async () => {
  await using file = await temporaryFile(new Uint8Array());
  const result = await curl(file.path, blobPath('apps', sha256(new Uint8Array())));
  expect(result).toMatchObject({ status: 200, json: { length: 0 } });
});

test('curl -T from a pipe has no length: it is told with 411 that it needs one', async () => {
  const bytes = uniqueBytes();
  const target = new URL(blobPath('apps', sha256(bytes)), server.url).href;
  const authorization = `Authorization: Bearer ${server.adminToken}`;
  const command = 'head -c 1000 /dev/zero | curl --silent --header "$1" --upload-file - "$2"';
  const { stdout } = await promisify(execFile)('sh', ['-c', command, 'sh', authorization, target]);
  expect(JSON.parse(stdout)).toMatchObject({ error: 'length_required' });
});
