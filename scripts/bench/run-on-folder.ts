import { openArtifortress } from './artifortress.ts';
import { startBare } from './bare.ts';
import { checkSpace, SMALL_UPLOAD_BYTES_PER_SECOND } from './disk-space.ts';
import { startDockerRegistry } from './docker-registry.ts';
import { bigDownloads, rangeDownloads, smallDownloads } from './downloads.ts';
import { startNginx } from './nginx.ts';
import type { Options, WorkloadName } from './options.ts';
import { type Findings, Participants } from './report.ts';
import { type Results, runRounds } from './rounds.ts';
import { storeBigObject, storeSmallObjects } from './seeds.ts';
import { measureStarts } from './start-times.ts';
import { GIB_BYTES, MIB_BYTES } from './units.ts';
import { bigUploads, smallUploads } from './uploads.ts';
import type { Workload } from './workload.ts';

/** Big objects written a round: two by us, one by each of the two others. */
const BIG_UPLOADS_A_ROUND = 4;

/** Our server on its embedded default, beside others that keep their bytes in folders too. */
export async function runOnFolder(
  options: Options,
  root: string,
  stack: AsyncDisposableStack,
  progress: (line: string) => void,
): Promise<Findings> {
  checkSpace(root, neededBytes(options));
  const wanted = (...names: WorkloadName[]) => names.some((name) => options.only.includes(name));
  const starts = wanted('start') ? await measureStarts(stack, root, options.rounds) : null;

  const participants = new Participants(progress);
  const present = participants.present.bind(participants);
  let results: Results = { workloads: [], failures: [] };
  if (wanted('small-up', 'small-down', 'big-up', 'big-down', 'ranges')) {
    const ours = await openArtifortress(stack, root);
    const writers = [...present(await startBare(stack, root)), ...present(await startDockerRegistry(stack, root))];
    const readers = [...present(ours), ...writers, ...present(await startNginx(stack, root))];

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
  const { versions, missing } = participants;
  return { versions, missing, starts, results, measures: [] };
}

function neededBytes({ rounds, seconds, bigMib, only }: Options): number {
  const bigObjects = only.includes('big-up') ? rounds * BIG_UPLOADS_A_ROUND : 0;
  return (
    GIB_BYTES +
    (bigObjects + BIG_UPLOADS_A_ROUND) * bigMib * MIB_BYTES +
    (only.includes('small-up') ? rounds * BIG_UPLOADS_A_ROUND * seconds * SMALL_UPLOAD_BYTES_PER_SECOND : 0)
  );
}
