import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../support/uploading.ts';

let server: TestServer;
const bytes = uniqueBytes();
const digest = sha256(bytes);

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('local');
  await upload(server, 'local', bytes);
  const create = (json: unknown) => server.request('POST', '/v1/repos', { json });
  await create({ repoKey: 'remote', repoType: 'remote', upstreamUrl: 'https://upstream.example/' });
  await create({ repoKey: 'virtual', repoType: 'virtual', memberRepos: ['local'] });
});

afterAll(() => server.close());

describe.each(['remote', 'virtual'])('a %s repository', (repoKey) => {
  test('starts no upload', async () => {
    const json = { expectedDigest: sha256(uniqueBytes(7)), expectedLength: 7 };
    expectError(await server.request('POST', `/v1/repos/${repoKey}/uploads`, { json }), 409, 'conflict');
  });

  test('starts no upload of bytes that the caller could read elsewhere', async () => {
    const json = { expectedDigest: digest, expectedLength: bytes.length };
    expectError(await server.request('POST', `/v1/repos/${repoKey}/uploads`, { json }), 409, 'conflict');
  });

  test('starts no upload of nothing', async () => {
    const json = { expectedDigest: sha256(Buffer.alloc(0)), expectedLength: 0 };
    expectError(await server.request('POST', `/v1/repos/${repoKey}/uploads`, { json }), 409, 'conflict');
  });

  test('takes no blob in one request', async () => {
    const body = uniqueBytes();
    const reply = await server.request('PUT', `/v1/repos/${repoKey}/blobs/${sha256(body)}`, { body });
    expectError(reply, 409, 'conflict');
  });

  test('serves no blob, not even one of its members', async () => {
    expectError(await server.request('GET', `/v1/repos/${repoKey}/blobs/${digest}`), 404, 'not_found');
  });

  test('answers a HEAD with 404', async () => {
    expect((await server.request('HEAD', `/v1/repos/${repoKey}/blobs/${digest}`)).status).toBe(404);
  });

  test('has no blob to delete', async () => {
    expectError(await server.request('DELETE', `/v1/repos/${repoKey}/blobs/${digest}`), 404, 'not_found');
  });

  test.each(['blobs', 'uploads'])('has an empty list of %s', async (kind) => {
    expect((await server.request('GET', `/v1/repos/${repoKey}/${kind}`)).json).toEqual({ items: [], nextCursor: null });
  });
});
