import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../cli/support.ts';
import { sha256 } from '../../client/fake-answers.ts';
import type { StoreCall } from '../../support/fault-proxy.ts';
import { type RealWorld, startRealWorld } from './world.ts';

const MIB = 1024 ** 2;
const PART_BYTES = 5 * MIB;
const PARTS = 4;
const PUSH = ['push', 'app.tar', '--repo', 'libs', '--part-size', '5MiB', '--parallel', '1', '--json'];

let world: RealWorld;
beforeAll(async () => {
  world = await startRealWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const isPart = (call: StoreCall): boolean => call.method === 'PUT';

/** A file of four parts that no other test has pushed, older than what the command line takes for settled. */
async function freshFile(folder: string): Promise<{ file: string; bytes: Buffer }> {
  const bytes = randomBytes(PARTS * PART_BYTES - 7);
  const file = path.join(folder, 'app.tar');
  await writeFile(file, bytes);
  return { file, bytes };
}

/** Starts the push and stops the world at its third part: two are held then. */
async function pushUntilThird(folder: string, variables: Record<string, string> = {}) {
  let seen = 0;
  const held = world.proxy.inject({ kind: 'pause' }, (call) => isPart(call) && ++seen > 2);
  const run = world.start(PUSH, { folder, variables });
  await expect.poll(() => held.length, { timeout: 20_000 }).toBe(1);
  return run;
}

async function pushAgain(folder: string, args: readonly string[] = []) {
  const puts = world.proxy.inject({ kind: 'slow', delayMs: 0, dropBytes: MIB, dropEveryMs: 0 }, isPart);
  const { code, stdout, stderr } = await world.start([...PUSH, ...args], { folder }).result;
  await world.proxy.mend();
  return { code, stderr, puts: puts.length, result: JSON.parse(stdout.toString() || 'null') };
}

const stateFiles = async (folder: string): Promise<string[]> =>
  await readdir(path.join(folder, '.local/state/artifortress/uploads')).catch(() => []);

test.each(['SIGINT', 'SIGKILL'] as const)(
  'after %s the same push goes on with the parts that are missing',
  async (signal) => {
    await using home = await temporaryFolder();
    const { bytes } = await freshFile(home.path);
    const run = await pushUntilThird(home.path);
    run.child.kill(signal);
    const ended = await run.result;
    expect(ended.code).toBe(signal === 'SIGINT' ? 130 : -1);
    if (signal === 'SIGINT') expect(ended.stderr).toContain('the same push again goes on where it stopped');
    const [state = ''] = await stateFiles(home.path);
    expect((await stat(path.join(home.path, '.local/state/artifortress/uploads', state))).mode & 0o777).toBe(0o600);
    await world.proxy.mend();

    const again = await pushAgain(home.path);
    expect(again.code).toBe(0);
    expect(again.result).toMatchObject({ digest: sha256(bytes), resumed: true, file: 'app.tar' });
    // The third was in flight: whether it counts as arrived is the network's affair.
    expect(again.puts).toBeLessThanOrEqual(2);
    expect(again.result.sentBytes).toBeLessThan(2 * PART_BYTES);
    const stored = await world.server.request('GET', `/v1/repos/libs/blobs/${sha256(bytes)}`);
    expect(stored.bytes.equals(bytes)).toBe(true);
    expect(await stateFiles(home.path)).toEqual([]);
  },
);

test('a network that is lost and comes back in time is not even noticed', async () => {
  await using home = await temporaryFolder();
  const { bytes } = await freshFile(home.path);
  const run = await pushUntilThird(home.path);
  await world.proxy.refuse();
  setTimeout(() => void world.proxy.mend(), 1_000);
  const { code, stdout } = await run.result;
  expect(code).toBe(0);
  expect(JSON.parse(stdout.toString())).toMatchObject({ digest: sha256(bytes), resumed: false });
});

test('a file that changed meanwhile is pushed anew, and its earlier parts are dropped', async () => {
  await using home = await temporaryFolder();
  const { file } = await freshFile(home.path);
  const run = await pushUntilThird(home.path);
  run.child.kill('SIGKILL');
  await run.result;
  await world.proxy.mend();
  const before = await stat(file);
  const other = randomBytes(before.size);
  await writeFile(file, other);
  // Its time and size are as they were: what tells is the time of the change of the file itself, which nobody sets.
  await utimes(file, before.atime, before.mtime);

  const again = await pushAgain(home.path);
  expect(again.result).toMatchObject({ digest: sha256(other), resumed: false, sentBytes: other.length });
  const stored = await world.server.request('GET', `/v1/repos/libs/blobs/${sha256(other)}`);
  expect(stored.bytes.equals(other)).toBe(true);
  const sessions = await world.server.request('GET', '/v1/repos/libs/uploads?state=aborted&limit=1');
  expect(sessions.json.items[0]).toMatchObject({ reason: 'superseded' });
});

test('--no-resume begins anew, and leaves nothing behind', async () => {
  await using home = await temporaryFolder();
  const { bytes } = await freshFile(home.path);
  const run = await pushUntilThird(home.path);
  run.child.kill('SIGINT');
  await run.result;
  await world.proxy.mend();
  const again = await pushAgain(home.path, ['--no-resume']);
  expect(again.result).toMatchObject({ digest: sha256(bytes), resumed: false, sentBytes: bytes.length });
  expect(await stateFiles(home.path)).toEqual([]);
});

test('a token that is revoked in mid push is told, and the push goes on with another', async () => {
  await using home = await temporaryFolder();
  const { bytes } = await freshFile(home.path);
  const token = await world.server.issueToken('alice', ['repo:libs:write']);
  const { tokenId } = (await world.server.request('GET', '/v1/auth/whoami', { token })).json;
  const run = await pushUntilThird(home.path, { ARTIFORTRESS_TOKEN: token });
  await world.server.request('POST', '/v1/auth/pats/revoke', { json: { tokenId } });
  await world.proxy.mend();
  const ended = await run.result;
  expect(ended.code).toBe(3);
  expect(ended.stderr).toContain('artifortress login');
  expect(ended.stderr).toContain('the same push again goes on where it stopped');
  expect((await pushAgain(home.path)).result).toMatchObject({ digest: sha256(bytes), resumed: true });
});

test('a state folder that cannot be written to is told, and does not keep the push from succeeding', async () => {
  await using home = await temporaryFolder();
  const { bytes } = await freshFile(home.path);
  await writeFile(path.join(home.path, '.local'), 'a file in the way');
  const { code, stdout, stderr } = await world.start(PUSH, { folder: home.path }).result;
  expect(code).toBe(0);
  expect(JSON.parse(stdout.toString())).toMatchObject({ digest: sha256(bytes) });
  expect(stderr).toContain('cannot be resumed');
  await chmod(home.path, 0o700);
  expect(await readFile(path.join(home.path, '.local'), 'utf8')).toBe('a file in the way');
});
