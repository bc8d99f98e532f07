import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { startSlowUpload } from './slow-upload.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
});

afterAll(() => server.close());

/** The lines that this run has logged about requests of a path. */
async function requestLines(path: string): Promise<{ [name: string]: unknown; durationMs: number }[]> {
  const folder = inject('suiteLogFolder');
  const files = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
  return files
    .flatMap((text) => text.split('\n'))
    .filter((line) => line.includes(path) && line.includes('"msg":"request"'))
    .map((line) => JSON.parse(line));
}

test('a request leaves one line, which says who asked for what, how it ended, and how long it took', async () => {
  const upload = await startSlowUpload(server);
  await sleep(200);
  expect(await upload.finish()).toMatchObject({ status: 201 });
  const path = `/v1/repos/apps/blobs/${upload.digest}`;
  await expect.poll(() => requestLines(path)).toHaveLength(1);
  const [line] = await requestLines(path);
  expect(line).toMatchObject({ method: 'PUT', path, status: 201, subject: 'root' });
  expect(line?.durationMs).toBeGreaterThanOrEqual(190);
});
