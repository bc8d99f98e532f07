import { createHash } from 'node:crypto';
import { digestOf, makeObject, type Payload } from '../../src/cli/bench/payloads.ts';
import type { Artifortress } from './artifortress.ts';
import type { Part } from './artifortress-sessions.ts';
import { withConnection } from './checks.ts';
import type { Connection } from './http-connection.ts';
import type { TakeBody } from './http-reply.ts';
import type { Measure, MeasureGroup } from './measures.ts';
import { settleDisk } from './rounds.ts';
import { median } from './statistics.ts';
import { expectStatus } from './subject.ts';
import { MIB_BYTES } from './units.ts';

const COMMIT_RATIO_AIM = 1.2;
const VERIFICATION_RATIO_AIM = 0.9;
/** Commits of either size a round, in turns; the median counts. */
const COMMITS_A_ROUND = 3;
const SMALL_BYTES = MIB_BYTES;
/** Two parts, so that the commit reads it: it starts the thread that does, and compiles it. */
const WARM_UP_BYTES = 32 * MIB_BYTES;

interface CommitPlan {
  readonly rounds: number;
  readonly bigMib: number;
  /** Called for what is read no more, so that the disk doesn't fill. */
  readonly remove: (digest: string) => Promise<void>;
}

interface Bench {
  readonly ours: Artifortress;
  readonly connection: Connection;
  readonly bigBytes: number;
  readonly dataDir: string;
  readonly remove: (digest: string) => Promise<void>;
}

/** Figures of one round. */
interface CommitRound {
  readonly smallMs: number;
  readonly bigMs: number;
  readonly verifiedMibPerSecond: number;
  readonly readMibPerSecond: number;
  readonly hashedMibPerSecond: number;
  readonly bothMibPerSecond: number;
}

/**
 * How long commits take: of objects in one part with a checksum, which the store proves, and of one in two parts, which our
 * server has to read back; beside what the store and a core give at best to such a reading.
 */
export async function measureCommits(
  ours: Artifortress,
  { rounds, bigMib, remove }: CommitPlan,
  dataDir: string,
  progress: (line: string) => void,
): Promise<MeasureGroup> {
  const measured: CommitRound[] = [];
  await withConnection(ours, async (connection) => {
    const bench = { ours, connection, bigBytes: bigMib * MIB_BYTES, dataDir, remove };
    await commit(bench, await uploadInParts(bench, makeObject(WARM_UP_BYTES), 2));
    for (let round = 1; round <= rounds; round++) {
      const found = { ...(await checksummedCommits(bench)), ...(await verification(bench)) };
      measured.push(found);
      const { smallMs, bigMs, verifiedMibPerSecond } = found;
      const commits = `${smallMs.toFixed(1)} ms and ${bigMs.toFixed(1)} ms`;
      progress(`round ${round}/${rounds}  commit  ${commits}, read at ${verifiedMibPerSecond.toFixed(1)} MiB/s`);
    }
  });
  return { title: 'commit: proofs, and what a reading could be at best', measures: measuresOf(measured, bigMib) };
}

function measuresOf(rounds: readonly CommitRound[], bigMib: number): Measure[] {
  const big = `${bigMib} MiB`;
  const measure = (
    unit: Measure['unit'],
    name: string,
    figure: (round: CommitRound) => number,
    aim: Measure['aim'] = null,
  ): Measure => ({ name, unit, values: rounds.map(figure), aim });
  return [
    measure('ms', '1 MiB in one checksummed part', ({ smallMs }) => smallMs),
    measure('ms', `${big} in one checksummed part`, ({ bigMs }) => bigMs),
    measure('×', `${big} over 1 MiB, one checksummed part`, ({ smallMs, bigMs }) => bigMs / smallMs, {
      most: COMMIT_RATIO_AIM,
    }),
    measure('MiB/s', `${big} in two parts, read back`, (round) => round.verifiedMibPerSecond),
    measure('MiB/s', 'raw GET of the same object', (round) => round.readMibPerSecond),
    measure('MiB/s', 'SHA-256 by one core', (round) => round.hashedMibPerSecond),
    measure('MiB/s', 'raw GET, hashed by the thread that reads it', (round) => round.bothMibPerSecond),
    measure(
      '×',
      'read back over the lesser of raw GET and SHA-256',
      (round) => round.verifiedMibPerSecond / Math.min(round.readMibPerSecond, round.hashedMibPerSecond),
      { least: VERIFICATION_RATIO_AIM },
    ),
    // What is left where the store and the hashing share the cores of one machine.
    measure('×', 'read back over raw GET, hashed', (round) => round.verifiedMibPerSecond / round.bothMibPerSecond),
  ];
}

/** Everything is uploaded, and on the disk, before the first commit, which would pay for it. */
async function checksummedCommits(bench: Bench) {
  const upload = (payload: Payload) => uploadInParts(bench, payload, 1);
  const warmUp = await upload(makeObject(SMALL_BYTES));
  const pairs: { readonly small: string; readonly big: string; readonly bigDigest: string }[] = [];
  for (let pair = 1; pair <= COMMITS_A_ROUND; pair++) {
    const big = makeObject(bench.bigBytes);
    pairs.push({ small: await upload(makeObject(SMALL_BYTES)), big: await upload(big), bigDigest: big.digest });
  }
  settleDisk(bench.dataDir);
  await commit(bench, warmUp);
  const smallMs: number[] = [];
  const bigMs: number[] = [];
  for (const { small, big } of pairs) {
    smallMs.push(await commit(bench, small));
    bigMs.push(await commit(bench, big));
  }
  for (const { bigDigest } of pairs) await bench.remove(bigDigest);
  return { smallMs: median(smallMs), bigMs: median(bigMs) };
}

async function verification(bench: Bench) {
  const { ours, connection, bigBytes } = bench;
  const payload = makeObject(bigBytes);
  const uploadTarget = await uploadInParts(bench, payload, 2);
  settleDisk(bench.dataDir);
  const mib = bigBytes / MIB_BYTES;
  const verifiedMs = await commit(bench, uploadTarget);
  const rawGet = async (take: TakeBody) => {
    const reply = await ours.redirecting.get(connection, payload.digest, take);
    expectStatus(reply, 200, 'the raw GET of a verified object');
    if (reply.bodyBytes !== bigBytes) throw new Error(`got ${reply.bodyBytes} bytes, not ${bigBytes}`);
  };
  const readMs = await timeMs(() => rawGet('discard'));
  const sha256 = createHash('sha256');
  const bothMs = await timeMs(() => rawGet((chunk) => sha256.update(chunk)));
  if (sha256.digest('hex') !== payload.digest) throw new Error('the store gave back other bytes');
  const hashedMs = await timeMs(async () => {
    if (digestOf(payload.body()) !== payload.digest) throw new Error('the same bytes have another digest');
  });
  await bench.remove(payload.digest);
  return {
    verifiedMibPerSecond: (mib / verifiedMs) * 1000,
    readMibPerSecond: (mib / readMs) * 1000,
    hashedMibPerSecond: (mib / hashedMs) * 1000,
    bothMibPerSecond: (mib / bothMs) * 1000,
  };
}

/** Uploads a payload in so many parts, each with its checksum, up to the commit; returns the target of the session. */
async function uploadInParts({ ours, connection }: Bench, payload: Payload, count: number): Promise<string> {
  const { lengthBytes, digest } = payload;
  const sizeBytes = Math.ceil(lengthBytes / count);
  const parts = Array.from({ length: count }, (_, index): Part => {
    const start = index * sizeBytes;
    const end = Math.min(start + sizeBytes, lengthBytes);
    const sha256 = count === 1 ? digest : digestOf(payload.body(start, end));
    return { partNumber: index + 1, start, end, sha256 };
  });
  return ours.sessions.uploadUncommitted([connection], payload, parts);
}

/** Commits and returns the milliseconds. A 202 is repeated at once: the server answers it late, and a pause would be measured too. */
async function commit({ ours, connection }: Bench, uploadTarget: string): Promise<number> {
  return timeMs(async () => {
    while ((await ours.sessions.commitOnce(connection, uploadTarget)) !== null);
  });
}

async function timeMs(work: () => Promise<void>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}
