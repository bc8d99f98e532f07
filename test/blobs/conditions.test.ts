import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { uniqueBytes } from '../support/uploading.ts';
import { blobPath, store, unknownDigest } from './support.ts';
import { exchange } from './wire.ts';

const LENGTH = 1000;
const OTHER = '"0123"';

let server: TestServer;
let digest: string;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  digest = await store(server, 'apps', uniqueBytes(LENGTH));
});

afterAll(() => server.close());

/** `<etag>` in a header stands for the blob's. */
async function statusOf(headers: Record<string, string>, target = digest): Promise<number> {
  const filled = Object.entries(headers).map(([name, value]) => [name, value.replaceAll('<etag>', `"${digest}"`)]);
  const reply = await exchange(server, 'GET', blobPath('apps', target), { headers: Object.fromEntries(filled) });
  return reply.status;
}

test.each([
  '<etag>',
  '*',
  ' * ',
  // Weak comparison, RFC 9110 §13.1.2.
  'W/<etag>',
  `${OTHER}, <etag>`,
  `${OTHER},<etag>`,
  `<etag>,${OTHER}`,
  `W/${OTHER}, W/<etag>`,
  ',, <etag> ,',
  // A comma and even a "W/" may stand inside of an entity tag.
  `"a,b", "W/c", <etag>`,
])('If-None-Match %s is a 304', async (header) => {
  expect(await statusOf({ 'if-none-match': header })).toBe(304);
});

test.each([
  OTHER,
  `W/${OTHER}`,
  `${OTHER}, "4567"`,
  '""',
  '',
  'garbage',
  // Neither is an entity tag of ours, however much of one is in it.
  '"<etag>',
  '"x<etag>x"',
])('If-None-Match %s is a 200', async (header) => {
  expect(await statusOf({ 'if-none-match': header })).toBe(200);
});

test('an If-None-Match with the digest in uppercase is a 200: entity tags are compared to the letter', async () => {
  expect(await statusOf({ 'if-none-match': `"${digest.toUpperCase()}"` })).toBe(200);
});

test.each(['bytes=0-4', 'bytes=5-2', 'bytes=5000-', 'bytes=0-1,3-4', 'garbage'])(
  'a matching If-None-Match is judged before the Range %j',
  async (range) => {
    expect(await statusOf({ 'if-none-match': '<etag>', range })).toBe(304);
  },
);

test.each([
  ['bytes=0-4', 206],
  ['bytes=5-2', 400],
  ['bytes=5000-', 416],
  ['items=0-4', 200],
])('an If-None-Match that does not match lets the Range %j have its %i', async (range, status) => {
  expect(await statusOf({ 'if-none-match': OTHER, range })).toBe(status);
});

test('a condition on a blob that is not there is a 404', async () => {
  expect(await statusOf({ 'if-none-match': '*' }, unknownDigest())).toBe(404);
});

test.each([
  ['bytes=0-4', 206],
  ['bytes=0-', 206],
  ['bytes=5-2', 400],
  ['bytes=0-1,3-4', 400],
  ['garbage', 400],
  ['bytes=5000-', 416],
  ['items=0-4', 200],
])('an If-Range that holds lets the Range %j have its %i', async (range, status) => {
  expect(await statusOf({ 'if-range': '<etag>', range })).toBe(status);
});

const FAILED_IF_RANGES = [
  OTHER,
  // Strong comparison, RFC 9110 §13.1.5.
  'W/<etag>',
  // We give out no date.
  'Wed, 21 Oct 2015 07:28:00 GMT',
  'Fri, 31 Dec 2999 23:59:59 GMT',
  // It takes one entity tag, no list and no "*".
  '*',
  `<etag>, ${OTHER}`,
  '<etag>, <etag>',
  '',
  'garbage',
];
const ANY_RANGES = ['bytes=0-4', 'bytes=5-2', 'bytes=0-1,3-4', 'bytes=5000-', 'bytes=-0', 'items=0-4', 'garbage'];

test.each(FAILED_IF_RANGES)('after the failed If-Range %j every Range is a 200', async (header) => {
  const statuses = [];
  for (const range of ANY_RANGES) statuses.push(await statusOf({ 'if-range': header, range }));
  expect(statuses).toEqual(ANY_RANGES.map(() => 200));
});

test('a 200 after a failed If-Range is the whole blob and has no Content-Range', async () => {
  const headers = { 'if-range': OTHER, range: 'bytes=0-4' };
  const reply = await exchange(server, 'GET', blobPath('apps', digest), { headers });
  expect(reply.bytes).toHaveLength(LENGTH);
  expect(reply.headers).not.toHaveProperty('content-range');
});

test('an If-Range without a Range is a 200', async () => {
  expect(await statusOf({ 'if-range': '<etag>' })).toBe(200);
});

test('an If-None-Match that matches is a 304 beside an If-Range that fails', async () => {
  expect(await statusOf({ 'if-none-match': '<etag>', 'if-range': OTHER, range: 'bytes=0-4' })).toBe(304);
});

test('an If-Modified-Since is ignored: we give out no date', async () => {
  expect(await statusOf({ 'if-modified-since': 'Fri, 31 Dec 2999 23:59:59 GMT' })).toBe(200);
});
