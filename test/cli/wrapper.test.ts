import { execFile, spawn, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type FakeServer, startFakeServer } from '../client/fake-server.ts';
import { someBytes } from '../client/support.ts';
import { temporaryFolder } from './support.ts';

const run = promisify(execFile);
const BIN = fileURLToPath(new URL('../../bin/artifortress.js', import.meta.url));

/** A Node on this machine that is too old to run the sources: the wrapper has to find the pinned one. */
const oldNode = (process.env.PATH ?? '')
  .split(path.delimiter)
  .map((folder) => path.join(folder, 'node'))
  .find((file) => {
    const [major = 99, minor = 0] =
      spawnSync(file, ['--version'], { encoding: 'utf8' }).stdout?.match(/\d+/g)?.map(Number) ?? [];
    return major >= 18 && (major < 22 || (major === 22 && minor < 18));
  });

const nodes = [process.execPath, ...(oldNode === undefined ? [] : [oldNode])];

describe.each(nodes)('with %s', (node) => {
  test('the version comes out, and exit codes and streams go through', async () => {
    const { stdout, stderr } = await run(node, [BIN, '--version']);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(stderr).toBe('');
    await expect(run(node, [BIN, 'nonsense'])).rejects.toMatchObject({ code: 2, stdout: '' });
  });

  test('a reader that goes away ends it without a stack trace', () => {
    const shell = spawnSync('/bin/sh', ['-c', `"${node}" "${BIN}" --help | true`], { encoding: 'utf8' });
    expect(shell.stderr).toBe('');
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s reaches a push, which aborts its session', async (signal) => {
    await using server = await startFakeServer();
    const push = await startStuckPush(node, server);
    push.child.kill(signal);
    expect(await push.ended).toEqual(signal === 'SIGINT' ? 130 : 143);
    expect(server.sent('POST', /abort$/)).toHaveLength(1);
    await push.dispose();
  });
});

test.skipIf(oldNode === undefined)('killing the wrapper with -9 ends what it started', async () => {
  await using server = await startFakeServer();
  const push = await startStuckPush(oldNode ?? '', server);
  push.child.kill('SIGKILL');
  await push.ended;
  await expect.poll(() => server.sent('POST', /abort$/).length, { timeout: 5_000 }).toBe(1);
  await push.dispose();
});

/** A push whose first part never gets an answer. */
async function startStuckPush(node: string, server: FakeServer) {
  const folder = await temporaryFolder();
  const file = path.join(folder.path, 'file');
  await writeFile(file, someBytes(100));
  server.fault = (seen) => seen.path.startsWith('/store');
  const child = spawn(node, [BIN, 'push', file, '--repo', 'libs', '--no-resume'], {
    env: { ...process.env, ARTIFORTRESS_URL: server.url, ARTIFORTRESS_TOKEN: 'aft_test', HOME: folder.path },
    stdio: 'ignore',
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('exit', resolve);
  });
  await expect.poll(() => server.sent('PUT', /store/).length, { timeout: 10_000 }).toBe(1);
  return { child, ended, dispose: () => folder[Symbol.asyncDispose]() };
}
