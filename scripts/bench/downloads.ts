import type { Payload } from '../../src/cli/bench/payloads.ts';
import { RandomIntegers } from '../../src/cli/bench/random-integers.ts';
import type { ByteRange } from '../../src/cli/bench/tasks.ts';
import { ARTIFORTRESS } from './artifortress.ts';
import { BARE_NODE } from './bare.ts';
import { checkBlob, checkRanges } from './checks.ts';
import { DOCKER_REGISTRY } from './docker-registry.ts';
import { NGINX } from './nginx.ts';
import { expectStatus, type Subject } from './subject.ts';
import { IN_FLIGHT, MIB_BYTES } from './units.ts';
import type { Comparison, Variant, Workload } from './workload.ts';

interface Read {
  readonly payload: Payload;
  readonly range?: ByteRange;
}

type Plan = Pick<Workload, 'name' | 'title' | 'lanes' | 'warmUpSeconds' | 'comparisons'> & {
  readonly next: (random: RandomIntegers) => Read;
  readonly verify: (subject: Subject, random: RandomIntegers) => Promise<void>;
};

const RANGE_BYTES = 64 * 1024;
const CHECKED_RANGES = 16;
const WARM_UP_SECONDS = 0.5;
/** A loop does one object even when its time is up. */
const ONE_OBJECT_SECONDS = 0;
/** The same picks in every run, on every server. */
const SEED = 20_260_401;

/** Whole small objects, at random. */
export function smallDownloads(
  subjects: readonly Subject[],
  payloads: readonly Payload[],
  seconds: number,
  comparisons = comparisonsOf(3),
): Workload {
  return downloads(subjects, seconds, {
    name: 'small-down',
    title: `256 KiB down, ${IN_FLIGHT} in flight`,
    lanes: { count: IN_FLIGHT, connectionsEach: 1 },
    warmUpSeconds: WARM_UP_SECONDS,
    comparisons,
    next: (random) => ({ payload: random.pick(payloads) }),
    verify: (subject, random) => checkBlob(subject, random.pick(payloads).digest),
  });
}

/** The whole big object, again and again, by one reader. */
export function bigDownloads(
  subjects: readonly Subject[],
  payload: Payload,
  seconds: number,
  comparisons = comparisonsOf(1),
): Workload {
  return downloads(subjects, seconds, {
    name: 'big-down',
    title: `${payload.lengthBytes / MIB_BYTES} MiB down, one reader`,
    lanes: { count: 1, connectionsEach: 1 },
    warmUpSeconds: ONE_OBJECT_SECONDS,
    comparisons,
    next: () => ({ payload }),
    verify: (subject, random) => checkSomeRanges(subject, payload, random),
  });
}

/** Ranges of the big object at random offsets. */
export function rangeDownloads(subjects: readonly Subject[], payload: Payload, seconds: number): Workload {
  return downloads(subjects, seconds, {
    name: 'ranges',
    title: `64 KiB ranges of ${payload.lengthBytes / MIB_BYTES} MiB at random offsets, ${IN_FLIGHT} in flight`,
    lanes: { count: IN_FLIGHT, connectionsEach: 1 },
    warmUpSeconds: WARM_UP_SECONDS,
    comparisons: comparisonsOf(3),
    next: (random) => ({ payload, range: randomRange(payload, random) }),
    verify: (subject, random) => checkSomeRanges(subject, payload, random),
  });
}

function downloads(subjects: readonly Subject[], seconds: number, plan: Plan): Workload {
  const { name, title, lanes, warmUpSeconds, comparisons } = plan;
  const variants = subjects.map((subject) => variant(subject, plan));
  return { name, title, lanes, seconds, warmUpSeconds, variants, comparisons };
}

/** With the least ratio to docker-registry that the project aims at. */
function comparisonsOf(aim: number): readonly Comparison[] {
  return [
    { of: ARTIFORTRESS, over: DOCKER_REGISTRY, aim },
    { of: ARTIFORTRESS, over: BARE_NODE, aim: null },
    { of: ARTIFORTRESS, over: NGINX, aim: null },
  ];
}

function variant(subject: Subject, { next, verify }: Plan): Variant {
  const random = new RandomIntegers(SEED);
  return {
    label: subject.name,
    subject,
    async operate([connection]) {
      if (connection === undefined) throw new Error('a download needs a connection');
      const { payload, range } = next(random);
      const reply = await subject.get(connection, payload.digest, 'discard', range);
      const expectedBytes = range === undefined ? payload.lengthBytes : range.end - range.start;
      expectStatus(reply, range === undefined ? 200 : 206, 'a download');
      if (reply.bodyBytes !== expectedBytes) throw new Error(`got ${reply.bodyBytes} bytes, not ${expectedBytes}`);
      return expectedBytes;
    },
    verify: () => verify(subject, random),
  };
}

async function checkSomeRanges(subject: Subject, payload: Payload, random: RandomIntegers): Promise<void> {
  const ranges = Array.from({ length: CHECKED_RANGES }, () => randomRange(payload, random));
  await checkRanges(subject, payload, ranges);
}

function randomRange(payload: Payload, random: RandomIntegers): ByteRange {
  const start = random.below(payload.lengthBytes - RANGE_BYTES + 1);
  return { start, end: start + RANGE_BYTES };
}
