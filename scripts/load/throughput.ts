import type { LoadTarget } from '../../src/cli/bench/lane.ts';
import type { LoadFigures } from '../../src/cli/bench/recorder.ts';
import { type LoadPlan, runLoad } from '../../src/cli/bench/run-load.ts';
import { freshObjects, storeObjects } from '../../src/cli/bench/stored-objects.ts';
import { type Mix, type Operation, seededTasks } from '../../src/cli/bench/tasks.ts';
import { settleDisk } from '../bench/rounds.ts';
import type { Subject } from '../bench/subject.ts';
import type { Workplace } from '../bench/temporary-folder.ts';
import { headOf } from './head.ts';
import { openConcurrency } from './open-concurrency.ts';
import type { Options } from './options.ts';
import { openPlace, type Place } from './place.ts';
import type { Point, ThroughputResult } from './results.ts';
import { artifortressTarget, subjectTarget } from './targets.ts';
import { watching } from './watch.ts';

/** A server, and the operations that it is asked for. */
interface Contestant {
  readonly subject: Subject;
  readonly target: LoadTarget;
  readonly operations: readonly Operation[];
  readonly hasMetrics: boolean;
}

/** Together they stay in the page cache, so that servers are compared and not the disk. */
const STORED_OBJECTS = 256;
/** Of what the mix gave in a closed loop. */
const OPEN_SHARES = [0.5, 0.8];
const CLOSED_MIX_CONCURRENCY = 16;
const MIX = 'mix';

/** Loads our server and those beside it with one operation at a time, at each concurrency; then ours with a mix, in an open loop. */
export async function measureThroughput(options: Options, workplace: Workplace): Promise<ThroughputResult> {
  const place = await openPlace(workplace, options);
  const contestants = contestantsOf(place);
  const fresh = freshObjects();
  workplace.progress('storing the objects to be read');
  const { sizes, seed, seconds, warmUpSeconds } = options;
  const storage = { operation: 'put', sizes, objects: STORED_OBJECTS, concurrency: 4 } as const;
  const stored = await storeObjects(subjectTarget(place.ours), fresh, storage);
  for (const subject of place.keepers) await storeAgain(subject, stored);

  const measure = async (contestant: Contestant, load: string, mix: Mix, plan: LoadPlan): Promise<Point> => {
    const { subject, target, hasMetrics } = contestant;
    const tasks = seededTasks({ seed, mix, sizes }, fresh, (random) => random.pick(stored));
    settleDisk(workplace.root);
    const watched = { port: subject.port, usage: subject.usage, dataFolder: workplace.root, hasMetrics };
    const warmUp = { ...plan, warmUpSeconds: 0, seconds: warmUpSeconds };
    if (warmUpSeconds > 0) await runLoad(target, tasks, warmUp, { nowMs: () => performance.now() });
    const run = () => runLoad(target, tasks, plan, { nowMs: () => performance.now() });
    const { result: figures, envelope } = await watching(watched, run, bytesOf);
    const { concurrency, ratePerSecond } = plan;
    workplace.progress(lineOf({ subject: subject.name, load, concurrency, ratePerSecond, figures, envelope }));
    return { subject: subject.name, load, concurrency, ratePerSecond, figures, envelope };
  };

  const points: Point[] = [];
  const closed = (concurrency: number): LoadPlan => ({ concurrency, seconds, warmUpSeconds: 0, ratePerSecond: null });
  for (const concurrency of options.concurrencies) {
    // An operation's contestants stand side by side, so that a slow minute of the machine meets them alike.
    for (const operation of ['session', 'put', 'dedupe', 'download', 'range'] as const) {
      for (const contestant of contestants.filter(({ operations }) => operations.includes(operation))) {
        points.push(await measure(contestant, operation, [{ value: operation, weight: 1 }], closed(concurrency)));
      }
    }
  }
  const [ours] = contestants;
  if (ours === undefined) throw new Error('nobody to load');
  const mixed = await measure(ours, MIX, options.mix, closed(CLOSED_MIX_CONCURRENCY));
  points.push(mixed);
  for (const ratePerSecond of ratesOf(options.ratePerSecond, mixed.figures)) {
    const plan = { concurrency: openConcurrency(ratePerSecond), seconds: seconds * 2, warmUpSeconds: 0, ratePerSecond };
    points.push(await measure(ours, MIX, options.mix, plan));
  }
  const { store, sizesText, mixText } = options;
  const head = headOf(options, workplace.root, place.participants);
  return { kind: 'throughput', ...head, store, sizes: sizesText, mix: mixText, seconds, points };
}

function contestantsOf({ ours, peers, readers }: Place): Contestant[] {
  const peer = (subject: Subject, operations: readonly Operation[]): Contestant => ({
    subject,
    target: subjectTarget(subject),
    operations,
    hasMetrics: false,
  });
  return [
    {
      subject: ours,
      target: artifortressTarget(ours),
      operations: ['session', 'put', 'dedupe', 'download', 'range'],
      hasMetrics: true,
    },
    ...peers.map((subject) => peer(subject, ['put', 'download', 'range'])),
    ...readers.map((subject) => peer(subject, ['download', 'range'])),
  ];
}

/** Stores on another server what ours has already. */
async function storeAgain(subject: Subject, stored: Awaited<ReturnType<typeof storeObjects>>): Promise<void> {
  const lane = subjectTarget(subject).openLane(() => undefined);
  try {
    for (const payload of stored) await lane.run({ operation: 'put', payload });
  } finally {
    lane.close();
  }
}

function ratesOf(given: number | null, { operations }: LoadFigures): number[] {
  if (given !== null) return [given];
  const perSecond = operations.reduce((sum, figures) => sum + figures.perSecond, 0);
  return OPEN_SHARES.map((share) => Math.max(1, Math.round(perSecond * share)));
}

export function bytesOf({ operations }: LoadFigures): number {
  return operations.reduce((sum, { bytes }) => sum + bytes, 0);
}

function lineOf({ subject, load, concurrency, ratePerSecond, figures }: Point): string {
  const perSecond = figures.operations.reduce((sum, one) => sum + one.perSecond, 0);
  const mibPerSecond = figures.operations.reduce((sum, one) => sum + one.mibPerSecond, 0);
  const how = ratePerSecond === null ? `${concurrency} in flight` : `at ${ratePerSecond}/s`;
  const errors = Object.entries(figures.errors).map(([code, count]) => `  FAILED ${count} × ${code}`);
  return `${load.padEnd(9)} ${how.padEnd(14)} ${subject.padEnd(22)} ${perSecond.toFixed(0).padStart(6)}/s ${mibPerSecond.toFixed(1).padStart(8)} MiB/s${errors.join('')}`;
}
