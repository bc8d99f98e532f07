import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../cli/support.ts';
import { sha256 } from '../../client/fake-answers.ts';
import type { CountedCall } from './counting-proxy.ts';
import { killSeed, runAndKill, seededRandom, type WatchedRun } from './random-kills.ts';
import { type CountedWorld, startCountedWorld } from './world.ts';

const MIB = 1024 ** 2;
const ROUNDS = 12;
const PARALLEL = 2;
const PUSH = ['push', 'app.tar', '--repo', 'libs', '--part-size', '5MiB', '--parallel', String(PARALLEL), '--json'];
const PUSHED_BYTES = 4 * 5 * MIB - 7;
const PULLED_BYTES = 4 * 8 * MIB + 3;

const SEED = killSeed();
const REPLAY = `replay with ARTIFORTRESS_KILL_SEED=${SEED}`;

let world: CountedWorld;
beforeAll(async () => {
  console.log(`The kills of this run are those of ARTIFORTRESS_KILL_SEED=${SEED}.`);
  world = await startCountedWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/**
 * Where the rounds kill: each at random within its own share of the way, so that together they cover it, and some a second time
 * in the retry. Infinity stands for a run that is let through.
 */
function killWeights(random: () => number, round: number, wholeWeight: number): number[] {
  const first = ((round + random()) / ROUNDS) * wholeWeight;
  const second = random() * wholeWeight;
  return random() < 0.5 ? [first, Number.POSITIVE_INFINITY] : [first, second, Number.POSITIVE_INFINITY];
}

async function runRound(args: readonly string[], folder: string, weights: readonly number[]): Promise<WatchedRun[]> {
  const runs: WatchedRun[] = [];
  for (const weight of weights) {
    // One after the other is what is tested.
    // oxlint-disable-next-line no-await-in-loop
    runs.push(await runAndKill(world.proxy, () => world.start(args, { folder }), weight));
  }
  return runs;
}

const partOf = ({ method, url }: CountedCall): string | null =>
  method === 'PUT' ? url.searchParams.get('part') : null;

/** Of each run's transfers that were answered before it was killed, those that a later run made again. */
function madeAgain(runs: readonly WatchedRun[], nameOf: (call: CountedCall) => string | null): string[] {
  return runs.flatMap(({ calls }, index) => {
    const done = new Set(calls.filter(({ answered }) => answered !== null && answered < 300).map(nameOf));
    const later = runs.slice(index + 1).flatMap((run) => run.calls.map(nameOf));
    return later.filter((name) => name !== null && done.has(name)).map(String);
  });
}

test('a push that is killed anywhere ends in the same bytes when it is made again, and sends no part twice', async () => {
  const random = seededRandom(SEED);
  let wholeWeight = Number.POSITIVE_INFINITY;
  let kills = 0;
  for (let round = -1; round < ROUNDS; round += 1) {
    await using home = await temporaryFolder();
    const bytes = randomBytes(PUSHED_BYTES);
    await writeFile(path.join(home.path, 'app.tar'), bytes);
    // The first round is let through: it tells how long the way is.
    const weights = round < 0 ? [Number.POSITIVE_INFINITY] : killWeights(random, round, wholeWeight);
    const runs = await runRound(PUSH, home.path, weights);
    const last = runs.at(-1);
    const where = `round ${round}, killed at ${weights.join(', ')}; ${REPLAY}`;
    expect(last?.ended, `${last?.ended.stderr}; ${where}`).toMatchObject({ code: 0 });
    expect(JSON.parse(last?.ended.stdout.toString() ?? ''), where).toMatchObject({ digest: sha256(bytes) });
    const stored = await world.server.request('GET', `/v1/repos/libs/blobs/${sha256(bytes)}`);
    expect(stored.bytes.equals(bytes), where).toBe(true);
    expect(madeAgain(runs, partOf), where).toEqual([]);
    if (round < 0) {
      wholeWeight = last?.weight ?? 0;
      expect(
        last?.calls
          .map(partOf)
          .filter((part) => part !== null)
          .toSorted(),
      ).toEqual(['1', '2', '3', '4']);
    }
    kills += runs.filter(({ isKilled }) => isKilled).length;
  }
  expect(kills, REPLAY).toBeGreaterThanOrEqual(ROUNDS / 2);
});

/** A range that is asked for, as the index of its piece of 8 MiB; null where it is only one byte, to learn the length. */
function pieceOf({ method, range }: CountedCall): string | null {
  const match = /^bytes=(\d+)-(\d+)$/.exec(range ?? '');
  if (method !== 'GET' || match === null || match[1] === match[2]) return null;
  return String(Math.floor(Number(match[1]) / (8 * MIB)));
}

/** What the partial file says is whole. */
async function notedPieces(folder: string): Promise<string[]> {
  const name = (await readdir(folder)).find((candidate) => candidate.endsWith('.partial'));
  if (name === undefined) return [];
  const file = await readFile(path.join(folder, name));
  if (file.length <= PULLED_BYTES) return [];
  return JSON.parse(file.subarray(PULLED_BYTES).toString().split('\n', 1)[0] ?? '').done.map(String);
}

test('a pull that is killed anywhere ends in the same bytes when it is made again, and fetches no piece twice', async () => {
  const random = seededRandom(SEED + 1);
  const bytes = randomBytes(PULLED_BYTES);
  const digest = sha256(bytes);
  const pull = ['pull', `libs/${digest}`, '-o', 'app.tar', '--parallel', String(PARALLEL), '--json'];
  expect((await world.server.request('PUT', `/v1/repos/libs/blobs/${digest}`, { body: bytes })).status).toBe(201);
  let wholeWeight = Number.POSITIVE_INFINITY;
  let kills = 0;
  for (let round = -1; round < ROUNDS; round += 1) {
    await using home = await temporaryFolder();
    const weights = round < 0 ? [Number.POSITIVE_INFINITY] : killWeights(random, round, wholeWeight);
    const where = `round ${round}, killed at ${weights.join(', ')}; ${REPLAY}`;
    let noted: string[] = [];
    let before: string[] = [];
    let last: WatchedRun | null = null;
    for (const weight of weights) {
      last = await runAndKill(world.proxy, () => world.start(pull, { folder: home.path }), weight);
      if (last.isKilled) kills += 1;
      const pieces = last.calls.map(pieceOf).filter((piece) => piece !== null);
      expect(
        pieces.filter((piece) => noted.includes(piece)),
        where,
      ).toEqual([]);
      expect(pieces.filter((piece) => before.includes(piece)).length, where).toBeLessThanOrEqual(PARALLEL);
      // One that got through before its kill has left the file: the next one is a pull of its own.
      noted = await notedPieces(home.path);
      before = last.isKilled ? pieces : [];
    }
    expect(last?.ended, `${last?.ended.stderr}; ${where}`).toMatchObject({ code: 0 });
    expect(await readdir(home.path), where).toEqual(['app.tar']);
    expect((await readFile(path.join(home.path, 'app.tar'))).equals(bytes), where).toBe(true);
    if (round < 0) wholeWeight = last?.weight ?? 0;
  }
  expect(kills, REPLAY).toBeGreaterThanOrEqual(ROUNDS / 2);
});
