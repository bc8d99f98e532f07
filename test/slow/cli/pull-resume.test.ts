import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../cli/support.ts';
import { sha256 } from '../../client/fake-answers.ts';
import type { StoreCall } from '../../support/fault-proxy.ts';
import { type RealWorld, startRealWorld } from './world.ts';

const MIB = 1024 ** 2;
/** Four pieces. */
const BYTES = randomBytes(24 * MIB + 3);
const DIGEST = sha256(BYTES);
const PULL = ['pull', `libs/${DIGEST}`, '-o', 'app.tar', '--parallel', '1', '--json'];

let world: RealWorld;
beforeAll(async () => {
  world = await startRealWorld();
  const put = await world.server.request('PUT', `/v1/repos/libs/blobs/${DIGEST}`, { body: BYTES });
  expect(put.status).toBe(201);
});
afterAll(() => world[Symbol.asyncDispose]());

const isBlob = (call: StoreCall): boolean => call.method === 'GET' && call.path.endsWith(DIGEST);

/** A pull that gets two pieces, and then nothing any more. */
async function pullUntilThird(folder: string) {
  let seen = 0;
  const held = world.proxy.inject({ kind: 'pause' }, (call) => isBlob(call) && ++seen > 2);
  const run = world.start(PULL, { folder });
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(1);
  return run;
}

function pullAgain(folder: string, args: readonly string[] = []) {
  return world.start([...PULL, ...args], { folder }).result;
}

test.each(['SIGINT', 'SIGKILL'] as const)(
  'after %s the same pull goes on with the pieces that are missing',
  async (signal) => {
    await using home = await temporaryFolder();
    const run = await pullUntilThird(home.path);
    run.child.kill(signal);
    const ended = await run.result;
    if (signal === 'SIGINT') expect(ended.stderr).toContain('the same pull again goes on where it stopped');
    expect(await readdir(home.path)).toEqual([expect.stringMatching(/^\.app\.tar\..*\.partial$/)]);
    await world.proxy.mend();

    const again = await pullAgain(home.path);
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).toContain('16.0 MiB of it earlier');
    expect((await readFile(path.join(home.path, 'app.tar'))).equals(BYTES)).toBe(true);
    expect(await readdir(home.path)).toEqual(['app.tar']);
  },
);

test('what was kept and has been spoilt since is noticed, and fetched anew', async () => {
  await using home = await temporaryFolder();
  const run = await pullUntilThird(home.path);
  run.child.kill('SIGKILL');
  await run.result;
  await world.proxy.mend();
  const [partial = ''] = await readdir(home.path);
  const file = path.join(home.path, partial);
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(5) ^ 1, 5);
  await writeFile(file, bytes);

  const again = await pullAgain(home.path);
  expect(again.code).toBe(0);
  expect(again.stderr).toContain('fetched anew');
  expect((await readFile(path.join(home.path, 'app.tar'))).equals(BYTES)).toBe(true);
  expect(await readdir(home.path)).toEqual(['app.tar']);
});

test('on a disk that is full a pull says so, and leaves nothing under the name', async () => {
  await using home = await temporaryFolder();
  const mounted =
    'mkdir small && mount -t tmpfs -o size=12m none small && cd small && "$@"; code=$?; ls -A; exit $code';
  const within = ['unshare', '--map-root-user', '--mount', 'bash', '-c', mounted, '-'];
  const { code, stdout, stderr } = await world.start(PULL, { folder: home.path, within }).result;
  expect(code).toBe(1);
  expect(stderr).toContain('the disk is full');
  expect(stdout.toString()).not.toMatch(/^app\.tar$/m);
});

test('where standard output is full a pull to it fails, and says so', async () => {
  await using home = await temporaryFolder();
  const within = ['bash', '-c', '"$@" > /dev/full', '-'];
  const pull = ['pull', `libs/${DIGEST}`, '-o', '-'];
  const { code, stderr } = await world.start(pull, { folder: home.path, within }).result;
  expect(code).toBe(1);
  expect(stderr).toContain('the disk is full');
});

test('a pull that another process is at is left alone', async () => {
  await using home = await temporaryFolder();
  const first = await pullUntilThird(home.path);
  world.proxy.inject({ kind: 'slow', delayMs: 0, dropBytes: MIB, dropEveryMs: 0 }, isBlob);
  const second = await pullAgain(home.path);
  expect(second.code).toBe(0);
  expect(second.stderr).not.toContain('earlier');
  await world.proxy.mend();
  expect((await first.result).code).toBe(0);
  expect((await readFile(path.join(home.path, 'app.tar'))).equals(BYTES)).toBe(true);
  expect(await readdir(home.path)).toEqual(['app.tar']);
});

test('--no-resume leaves nothing when interrupted', async () => {
  await using home = await temporaryFolder();
  let seen = 0;
  const held = world.proxy.inject({ kind: 'pause' }, (call) => isBlob(call) && ++seen > 2);
  const run = world.start([...PULL, '--no-resume'], { folder: home.path });
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(1);
  run.child.kill('SIGINT');
  expect(await run.result).toMatchObject({ code: 130 });
  await world.proxy.mend();
  expect(await readdir(home.path)).toEqual([]);
});

test('connections that break are taken up where they broke, several at once', async () => {
  await using home = await temporaryFolder();
  let seen = 0;
  world.proxy.inject({ kind: 'cut', afterBytes: 3 * MIB, by: 'reset' }, (call) => isBlob(call) && ++seen <= 4);
  const { code } = await world.start(
    PULL.filter((arg) => arg !== '--parallel' && arg !== '1'),
    { folder: home.path },
  ).result;
  await world.proxy.mend();
  expect(code).toBe(0);
  expect((await readFile(path.join(home.path, 'app.tar'))).equals(BYTES)).toBe(true);
});

test('a target that cannot be written to is told with its name, and nothing is left', async () => {
  await using home = await temporaryFolder();
  await mkdir(path.join(home.path, 'app.tar', 'x'), { recursive: true });
  const nowhere = await world.start([...PULL, '-o', 'nowhere/app.tar'], { folder: home.path }).result;
  expect(nowhere.code).toBe(1);
  expect(nowhere.stderr).toContain('there is no such file or folder');
  expect(await readdir(home.path)).toEqual(['app.tar']);
});
