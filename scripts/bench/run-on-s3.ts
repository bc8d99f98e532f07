import { messageOf } from '../../src/kernel/errors.ts';
import { ARTIFORTRESS, type Artifortress, openArtifortress, REDIRECT } from './artifortress.ts';
import { bigUploadsOnS3 } from './big-uploads-on-s3.ts';
import { measureCommits } from './commits.ts';
import { checkSpace, SMALL_UPLOAD_BYTES_PER_SECOND } from './disk-space.ts';
import { DOCKER_REGISTRY, startDockerRegistry } from './docker-registry.ts';
import { bigDownloads, smallDownloads } from './downloads.ts';
import type { MeasureGroup } from './measures.ts';
import type { Options, WorkloadName } from './options.ts';
import { openRawS3, RAW, type RawS3 } from './raw-s3.ts';
import { type Findings, Participants } from './report.ts';
import { runRounds } from './rounds.ts';
import { removeBlob, type S3Bucket, startS3Store, storeEnvironment } from './s3-store.ts';
import { storeBigObject, storeSmallObjects } from './seeds.ts';
import type { Subject } from './subject.ts';
import { measureTraffic } from './traffic.ts';
import { transferRates } from './transfer-rates.ts';
import { GIB_BYTES, MIB_BYTES } from './units.ts';
import { LIFECYCLE, ONE_PUT, smallUploads } from './uploads.ts';
import type { Comparison, Workload } from './workload.ts';

/** The big object to download, on each of three. */
const BIG_SEEDS = 3;
/** Besides those: three that wait for their commits, and one that goes while the next comes. */
const MOST_BIG_AT_ONCE = 4;
/** Rows of small uploads. */
const SMALL_UPLOADS_A_ROUND = 3;
/** Its own part of the bucket, since its database is new. */
const TRAFFIC_PREFIX = 'traffic/';

const PROXIED_AIM = 0.8;
const REDIRECTED_AIM = 1;
const UPLOAD_COMPARISONS: readonly Comparison[] = [
  { of: LIFECYCLE, over: DOCKER_REGISTRY, aim: 1.0 },
  { of: ONE_PUT, over: DOCKER_REGISTRY, aim: null },
];
const BIG_DOWNLOAD_COMPARISONS: readonly Comparison[] = [
  { of: ARTIFORTRESS, over: RAW, aim: PROXIED_AIM },
  { of: REDIRECT, over: RAW, aim: REDIRECTED_AIM },
  { of: ARTIFORTRESS, over: DOCKER_REGISTRY, aim: null },
];

/** Without aims: a small object takes no longer than asking us for it does, proxied or not. */
const SMALL_DOWNLOAD_COMPARISONS = BIG_DOWNLOAD_COMPARISONS.map((comparison) => ({ ...comparison, aim: null }));

interface Subjects {
  readonly bucket: S3Bucket;
  readonly ours: Artifortress;
  readonly raw: RawS3;
  readonly others: readonly Subject[];
}

/** Our server on an S3 store, beside the bare store and docker-registry on the same one, each with a bucket of its own. */
export async function runOnS3(
  options: Options,
  root: string,
  stack: AsyncDisposableStack,
  progress: (line: string) => void,
): Promise<Findings> {
  checkSpace(root, neededBytes(options));
  const store = await startS3Store(stack, root, options.s3Server);
  const bucket = await store.makeBucket('artifortress');
  const place = { folderName: 'artifortress', storeEnv: storeEnvironment(bucket) };
  const ours = await openArtifortress(stack, root, place);
  const raw = openRawS3(stack, store, await store.makeBucket('raw'));
  const registry = await startDockerRegistry(stack, root, await store.makeBucket('docker-registry'));

  const participants = new Participants(progress);
  participants.present({ ...raw, name: store.name });
  participants.present(ours);
  const subjects = { bucket, ours, raw, others: participants.present(registry) };

  const results = await runRounds(await workloadsOf(options, subjects, progress), options.rounds, root, progress);
  const failures = [...results.failures];
  const measures = results.workloads.flatMap((result) => transferRates(result, options.bigMib * MIB_BYTES));
  const measuring = async (name: WorkloadName, measure: () => Promise<MeasureGroup>) => {
    if (!options.only.includes(name)) return;
    try {
      measures.push(await measure());
    } catch (error) {
      failures.push(`${name}: ${messageOf(error)}`);
    }
  };
  const remove = (digest: string) => removeBlob(bucket, digest);
  await measuring('commit', () => measureCommits(ours, { ...options, remove }, root, progress));
  await measuring('traffic', () => measureTrafficAfresh(options, root, stack, bucket, progress));

  const { versions, missing } = participants;
  return { versions, missing, starts: null, results: { ...results, failures }, measures };
}

async function workloadsOf(
  { only, seconds, bigMib }: Options,
  { bucket, ours, raw, others }: Subjects,
  progress: (line: string) => void,
): Promise<Workload[]> {
  const writers = [ours, raw, ...others];
  // What is compared stands side by side, so that little time passes between the two.
  const readers = [...others, ours, raw, ours.redirecting];
  const workloads: Workload[] = [];
  if (only.includes('small-up')) workloads.push(smallUploads(ours, others, seconds, UPLOAD_COMPARISONS));
  if (only.includes('small-down')) {
    progress('storing the small objects to download');
    workloads.push(smallDownloads(readers, await storeSmallObjects(writers), seconds, SMALL_DOWNLOAD_COMPARISONS));
  }
  if (only.includes('big-up')) workloads.push(bigUploadsOnS3(ours, raw, bucket, bigMib));
  if (only.includes('big-down')) {
    progress('storing the big object to download');
    const big = await storeBigObject(writers, bigMib * MIB_BYTES);
    workloads.push(bigDownloads(readers, big, seconds, BIG_DOWNLOAD_COMPARISONS));
  }
  return workloads;
}

/** By a fresh process, so that nothing but the traffic is in its memory. */
async function measureTrafficAfresh(
  options: Options,
  root: string,
  stack: AsyncDisposableStack,
  bucket: S3Bucket,
  progress: (line: string) => void,
): Promise<MeasureGroup> {
  const storeEnv = storeEnvironment(bucket, TRAFFIC_PREFIX);
  const ours = await openArtifortress(stack, root, { folderName: 'artifortress-traffic', storeEnv });
  const remove = (digest: string) => removeBlob(bucket, digest, TRAFFIC_PREFIX);
  return measureTraffic(ours, { ...options, remove }, progress);
}

function neededBytes({ rounds, seconds, bigMib, only }: Options): number {
  const where = (name: WorkloadName, bytes: number) => (only.includes(name) ? bytes : 0);
  const bigBytes = bigMib * MIB_BYTES;
  return (
    GIB_BYTES +
    MOST_BIG_AT_ONCE * bigBytes +
    where('big-down', BIG_SEEDS * bigBytes) +
    where('small-up', rounds * SMALL_UPLOADS_A_ROUND * seconds * SMALL_UPLOAD_BYTES_PER_SECOND)
  );
}
