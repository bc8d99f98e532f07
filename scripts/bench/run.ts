import { statfsSync } from 'node:fs';
import { openArtifortress } from './artifortress.ts';
import { startBare } from './bare.ts';
import { startDockerRegistry } from './docker-registry.ts';
import { bigDownloads, rangeDownloads, smallDownloads } from './downloads.ts';
import { describeMachine, type Machine } from './machine.ts';
import { startNginx } from './nginx.ts';
import type { Options, WorkloadName } from './options.ts';
import { type Results, runRounds } from './rounds.ts';
import { storeBigObject, storeSmallObjects } from './seeds.ts';
import { measureStarts, type StartTimes } from './start-times.ts';
import type { MissingSubject, Subject } from './subject.ts';
import { GIB_BYTES, MIB_BYTES } from './units.ts';
import { bigUploads, smallUploads } from './uploads.ts';
import type { Workload } from './workload.ts';

/** Everything that one run found out. */
export interface Report {
  readonly options: Options;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly missing: readonly MissingSubject[];
  readonly starts: StartTimes | null;
  readonly results: Results;
}

/** What a second of small uploads leaves on the disk at the rate of a fast machine. */
const SMALL_UPLOAD_BYTES_PER_SECOND = 400 * MIB_BYTES;
/** Big objects written a round: two by us, one by each of the two others. */
const BIG_UPLOADS_A_ROUND = 4;

/** Starts the servers, runs what the options ask for, and returns what was found. The stack ends what was started. */
export async function run(
  options: Options,
  root: string,
  stack: AsyncDisposableStack,
  progress: (line: string) => void,
): Promise<Report> {
  checkSpace(options, root);
  const wanted = (...names: WorkloadName[]) => names.some((name) => options.only.includes(name));
  const starts = wanted('start') ? await measureStarts(stack, root, options.rounds) : null;

  const versions: Record<string, string> = {};
  const missing: MissingSubject[] = [];
  const present = (found: Subject | MissingSubject): Subject[] => {
    if ('remedy' in found) {
      missing.push(found);
      return [];
    }
    versions[found.name] = found.version;
    return [found];
  };

  let results: Results = { workloads: [], failures: [] };
  if (wanted('small-up', 'small-down', 'big-up', 'big-down', 'ranges')) {
    const ours = await openArtifortress(stack, root);
    const writers = [...present(await startBare(stack, root)), ...present(await startDockerRegistry(stack, root))];
    const readers = [...present(ours), ...writers, ...present(await startNginx(stack, root))];
    for (const { name, remedy } of missing)
      progress(`NOT COMPARED WITH ${name}: it isn't installed. Install it by: ${remedy}`);

    const { seconds, bigMib } = options;
    const workloads: Workload[] = [];
    if (wanted('small-up')) workloads.push(smallUploads(ours, writers, seconds));
    if (wanted('small-down')) {
      progress('storing the small objects to download');
      workloads.push(smallDownloads(readers, await storeSmallObjects(readers), seconds));
    }
    if (wanted('big-up')) workloads.push(bigUploads(ours, writers, bigMib));
    if (wanted('big-down', 'ranges')) {
      progress('storing the big object to download');
      const big = await storeBigObject(readers, bigMib * MIB_BYTES);
      if (wanted('big-down')) workloads.push(bigDownloads(readers, big, seconds));
      if (wanted('ranges')) workloads.push(rangeDownloads(readers, big, seconds));
    }
    results = await runRounds(workloads, options.rounds, root, progress);
  }
  return { options, machine: describeMachine(root), versions, missing, starts, results };
}

/** Throws before anything is written if the disk can't hold what the run writes. */
function checkSpace({ rounds, seconds, bigMib, only }: Options, root: string): void {
  const { bavail, bsize } = statfsSync(root);
  const bigObjects = only.includes('big-up') ? rounds * BIG_UPLOADS_A_ROUND : 0;
  const neededBytes =
    GIB_BYTES +
    (bigObjects + BIG_UPLOADS_A_ROUND) * bigMib * MIB_BYTES +
    (only.includes('small-up') ? rounds * BIG_UPLOADS_A_ROUND * seconds * SMALL_UPLOAD_BYTES_PER_SECOND : 0);
  if (bavail * bsize >= neededBytes) return;
  const gib = (bytes: number) => (bytes / GIB_BYTES).toFixed(1);
  throw new Error(
    `${root} has ${gib(bavail * bsize)} GiB free and the run may write ${gib(neededBytes)} GiB: ` +
      'choose another folder by --dir, or less by --big-mib, --rounds, --seconds or --only',
  );
}
