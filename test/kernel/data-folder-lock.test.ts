import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockDataFolder } from '../../src/kernel/data-folder-lock.ts';

const SCRIPT = fileURLToPath(new URL('../support/race-for-data-folder.ts', import.meta.url));

interface Starter {
  ask(line: 'lock' | 'release'): Promise<string>;
  kill(): Promise<void>;
  readonly pid: number;
}

let folder: string;
let processes: ChildProcess[];

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'artifortress-test-lock-')));
  processes = [];
});

afterEach(async () => {
  for (const child of processes) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

async function startStarter(dataDirectory: string, who: string): Promise<Starter> {
  const child = spawn(process.execPath, [SCRIPT, dataDirectory, who], { stdio: ['pipe', 'pipe', 'inherit'] });
  processes.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => String((await lines.next()).value);
  expect(await answer()).toBe('ready');
  return {
    pid: child.pid ?? 0,
    ask: (line) => {
      child.stdin.write(`${line}\n`);
      return answer();
    },
    kill: async () => {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

test('a second server on the same folder is told who holds it, since when, and what to do', async () => {
  const holder = await startStarter(folder, 'artifortress serve on http://127.0.0.1:8080');
  expect(await holder.ask('lock')).toBe('held');

  const attempt = lockDataFolder(folder, 'the second');

  await expect(attempt).rejects.toThrow(`${folder} is in use by artifortress serve on http://127.0.0.1:8080`);
  await expect(attempt).rejects.toThrow(new RegExp(`\\(process ${holder.pid}, since \\d{4}-\\d\\d-\\d\\dT.*Z\\)`));
  await expect(attempt).rejects.toThrow('or stop it first');
});

test('a holder that is busy or suspended still holds the folder', async () => {
  const holder = await startStarter(folder, 'the suspended one');
  expect(await holder.ask('lock')).toBe('held');
  process.kill(holder.pid, 'SIGSTOP');

  await expect(lockDataFolder(folder, 'the second')).rejects.toThrow('the suspended one');
});

test('the same process cannot take the folder twice', async () => {
  const lock = await lockDataFolder(folder, 'the first');
  await expect(lockDataFolder(folder, 'the second')).rejects.toThrow('in use by the first');
  await lock.release();
});

test('a released folder can be taken at once, and releasing twice is harmless', async () => {
  const first = await lockDataFolder(folder, 'the first');
  await first.release();
  await first.release();

  const second = await lockDataFolder(folder, 'the second');
  await first.release();
  await expect(lockDataFolder(folder, 'the third')).rejects.toThrow('in use by the second');
  await second.release();
});

test('after kill -9 of its holder the folder can be taken at once', async () => {
  const holder = await startStarter(folder, 'the killed one');
  expect(await holder.ask('lock')).toBe('held');
  await holder.kill();

  const lock = await lockDataFolder(folder, 'the next one');
  await lock.release();
});

test('holders that come and go leave one small folder behind, not one each', async () => {
  await mkdir(join(folder, 'lock', 'candidate-of-a-killed-starter'), { recursive: true });
  for (let round = 0; round < 5; round++) await (await lockDataFolder(folder, 'one of many')).release();
  expect(await readdir(join(folder, 'lock'))).toEqual(['5']);
});

test('a folder whose path is too long for a socket is locked all the same', async () => {
  const deep = join(folder, 'd'.repeat(150));
  const lock = await lockDataFolder(deep, 'the first');
  await expect(lockDataFolder(deep, 'the second')).rejects.toThrow('in use by the first');
  await lock.release();
  await (await lockDataFolder(deep, 'the third')).release();
});

test('of twenty processes that race for a free, a released or a stale lock exactly one wins', async () => {
  const starters = await Promise.all(Array.from({ length: 20 }, (_, i) => startStarter(folder, `starter ${i}`)));
  const contenders = new Set(starters);

  for (const end of ['release', 'kill', 'release', 'kill', 'kill', 'release', 'kill'] as const) {
    const answers = await Promise.all([...contenders].map(async (it) => ({ it, said: await it.ask('lock') })));
    const [winner, ...others] = answers.filter(({ said }) => said === 'held');
    expect(others).toEqual([]);
    expect(answers.filter(({ said }) => said.includes('is in use by starter'))).toHaveLength(contenders.size - 1);
    if (end === 'release') await winner?.it.ask('release');
    if (end === 'kill' && winner !== undefined) {
      await winner.it.kill();
      contenders.delete(winner.it);
    }
  }
});
