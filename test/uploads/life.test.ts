import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { sha256, uniqueBytes, upload } from '../support/uploading.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
});

afterAll(() => server.close());

test('what was pushed is what is pulled', async () => {
  const bytes = uniqueBytes(300_000);
  const committed = await upload(server, 'apps', bytes);
  expect(committed.json).toMatchObject({ state: 'committed', digest: sha256(bytes), length: bytes.length });
  const pulled = await server.request('GET', `/v1/repos/apps/blobs/${sha256(bytes)}`);
  expect(pulled.bytes.equals(bytes)).toBe(true);
});
