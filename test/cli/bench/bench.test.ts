import { PassThrough, Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../../../src/cli/main.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('scratch');
});

afterAll(() => server.close());

/** With the real clock, which the window is measured by. */
async function bench(...words: string[]) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const code = await runCli(['bench', ...words], {
    variables: { ARTIFORTRESS_URL: server.url, ARTIFORTRESS_TOKEN: server.adminToken },
    stdin: Readable.from([]),
    stdout,
    stderr,
    homeFolder: () => server.dataDirectory,
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    onSignal: () => () => undefined,
    exitNow: () => undefined,
  });
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

const SHORT = ['--seconds', '1', '--warm-up', '0', '--objects', '4', '--sizes', '16k', '--concurrency', '2'];

test('every kind of operation is done against the real server, and none fails', async () => {
  const mix = 'put,session,dedupe,download,range,list,search';
  const { code, stdout } = await bench('--repo', 'scratch', '--mix', mix, ...SHORT, '--json');
  const result = JSON.parse(stdout);
  expect({ code, errors: result.errors }).toEqual({ code: 0, errors: {} });
  const done = result.operations.map(({ operation }: { operation: string }) => operation);
  expect(done.toSorted()).toEqual(mix.split(',').toSorted());
  const steps = result.steps.map(({ step }: { step: string }) => step);
  expect(steps).toEqual(['create', 'parts and complete', 'commit']);
});

test('what the server refuses is counted by its code, and the exit code tells', async () => {
  const { code, stdout } = await bench('--repo', 'missing', '--mix', 'session', ...SHORT);
  expect(stdout).toMatch(/failed: \d+ × not_found/);
  expect(code).toBe(1);
});

test('a mix that makes no sense is refused with what would', async () => {
  const { code, stderr } = await bench('--repo', 'scratch', '--mix', 'upload=1');
  expect(stderr).toContain('"upload" is not an operation: there are put, session');
  expect(code).toBe(2);
});
