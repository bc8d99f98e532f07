import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../cli/support.ts';
import { sha256 } from '../../client/fake-answers.ts';
import type { StoreCall } from '../../support/fault-proxy.ts';
import { runInTerminal, STYLE, screenOf, showsCursor, type TerminalRun } from './terminal.ts';
import { commandOf, type RealWorld, startRealWorld, variablesOf } from './world.ts';

const MIB = 1024 ** 2;
const PUSH = ['push', 'app.tar', '--repo', 'libs', '--part-size', '5MiB', '--parallel', '1'];
const SEEN = { timeout: 60_000 };

let world: RealWorld;
beforeAll(async () => {
  world = await startRealWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

const isPart = (call: StoreCall): boolean => call.method === 'PUT';
const isRange = (call: StoreCall): boolean => call.method === 'GET' && call.headers.range !== undefined;

function start(args: readonly string[], folder: string, variables: Record<string, string> = {}, columns?: number) {
  const env = { ...variablesOf(world, folder), TERM: 'xterm', LANG: 'C.UTF-8', ...variables };
  return runInTerminal(commandOf(args), { cwd: folder, env, ...(columns === undefined ? {} : { columns }) });
}

/** Holds the calls from the third on, so that the bar stands still half way for as long as it takes to look at it. */
function holdFromThird(which: (call: StoreCall) => boolean): void {
  let seen = 0;
  world.proxy.inject({ kind: 'pause' }, (call) => which(call) && ++seen > 2);
}

async function freshFile(folder: string): Promise<Buffer> {
  const bytes = randomBytes(20 * MIB);
  await writeFile(path.join(folder, 'app.tar'), bytes);
  return bytes;
}

async function storedBlob(): Promise<{ bytes: Buffer; digest: string }> {
  const bytes = randomBytes(24 * MIB + 1);
  const digest = sha256(bytes);
  await world.server.request('PUT', `/v1/repos/libs/blobs/${digest}`, { body: bytes });
  return { bytes, digest };
}

/** What stays on the screen: no rest of a bar, the cursor back, and the last line ended. */
function expectCleanEnd(run: TerminalRun, lines: readonly (RegExp | string)[]): void {
  const screen = screenOf(run.sent());
  const wanted = lines.map((line) => (typeof line === 'string' ? line : expect.stringMatching(line)));
  expect(screen).toEqual([...wanted, '']);
  expect(showsCursor(run.sent())).toBe(true);
}

test.each([120, undefined])(
  'the bar of a push on a terminal of width %s shows bytes, rate and phases, and goes',
  async (columns) => {
    await using home = await temporaryFolder();
    const bytes = await freshFile(home.path);
    holdFromThird(isPart);
    const run = start(PUSH, home.path, {}, columns);
    await expect.poll(run.sent, SEEN).toMatch(/uploading .*━.* \d+ % {2}[\d.]+ MiB of 20(\.0)? MiB {2}[\d.]+ \w+\/s/);
    expect(run.sent()).toMatch(STYLE);
    await world.proxy.mend();
    world.proxy.inject({ kind: 'pause' }, (call) => call.path.endsWith('/commit'));
    await expect.poll(run.sent, SEEN).toMatch(/verifying .*the server proves the digest/);
    await world.proxy.mend();
    expect(await run.code).toBe(0);
    expectCleanEnd(run, [/^Pushed .*20\.0 MiB/, sha256(bytes)]);
  },
);

test('the bar of a pull shows bytes and rate, and goes', async () => {
  await using home = await temporaryFolder();
  const { bytes, digest } = await storedBlob();
  holdFromThird(isRange);
  const run = start(['pull', `libs/${digest}`, '-o', 'app.tar', '--parallel', '1'], home.path, {}, 120);
  await expect.poll(run.sent, SEEN).toMatch(/downloading .*━.* \d+ % {2}[\d.]+ MiB of 24(\.0)? MiB {2}[\d.]+ \w+\/s/);
  await world.proxy.mend();
  expect(await run.code).toBe(0);
  expectCleanEnd(run, [/^Pulled 24\.0 MiB in .*: app\.tar$/]);
  expect((await readFile(path.join(home.path, 'app.tar'))).equals(bytes)).toBe(true);
});

test('with NO_COLOR the bar has no colours', async () => {
  await using home = await temporaryFolder();
  await freshFile(home.path);
  holdFromThird(isPart);
  const run = start(PUSH, home.path, { NO_COLOR: '1' }, 120);
  await expect.poll(run.sent, SEEN).toMatch(/uploading .*\d+ %/);
  await world.proxy.mend();
  expect(await run.code).toBe(0);
  expect(run.sent()).not.toMatch(STYLE);
});

test('--quiet shows nothing but the result, however long it takes', async () => {
  await using home = await temporaryFolder();
  const bytes = await freshFile(home.path);
  world.proxy.inject({ kind: 'slow', delayMs: 300, dropBytes: MIB, dropEveryMs: 0 }, isPart);
  const run = start([...PUSH, '--quiet'], home.path, {}, 120);
  expect(await run.code).toBe(0);
  await world.proxy.mend();
  expect(run.sent()).toBe(`${sha256(bytes)}\r\n`);
});

test('Ctrl-C takes the bar away, and gives the cursor back', async () => {
  await using home = await temporaryFolder();
  await freshFile(home.path);
  holdFromThird(isPart);
  const run = start(PUSH, home.path, {}, 120);
  await expect.poll(run.sent, SEEN).toMatch(/uploading .*\d+ %/);
  run.type('\u0003');
  expect(await run.code).toBe(130);
  await world.proxy.mend();
  expect(showsCursor(run.sent())).toBe(true);
  expect(screenOf(run.sent()).join('\n')).toContain('the same push again goes on where it stopped');
  expect(screenOf(run.sent()).join('\n')).not.toContain('━');
});

test('into a pipe go plain lines', async () => {
  await using home = await temporaryFolder();
  await freshFile(home.path);
  world.proxy.inject({ kind: 'slow', delayMs: 300, dropBytes: MIB, dropEveryMs: 0 }, isPart);
  const { code, stdout, stderr } = await world.start(PUSH, { folder: home.path, variables: { TERM: 'xterm' } }).result;
  await world.proxy.mend();
  expect(code).toBe(0);
  expect(stderr).toMatch(/^Pushed .*\n$/);
  for (const control of ['\u001b', '\r']) expect(stdout.toString() + stderr).not.toContain(control);
});
