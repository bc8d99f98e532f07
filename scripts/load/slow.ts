import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../src/cli/bench/lane.ts';
import { Latencies } from '../../src/cli/bench/latencies.ts';
import type { Payload } from '../../src/cli/bench/payloads.ts';
import { freshObjects } from '../../src/cli/bench/stored-objects.ts';
import type { Artifortress } from '../bench/artifortress.ts';
import { REPO_KEY } from '../bench/artifortress-server.ts';
import { checkBlob, withConnection } from '../bench/checks.ts';
import { Participants } from '../bench/report.ts';
import { expectStatus } from '../bench/subject.ts';
import type { Workplace } from '../bench/temporary-folder.ts';
import { MIB_BYTES, SMALL_OBJECT_BYTES } from '../bench/units.ts';
import { headOf } from './head.ts';
import type { Options } from './options.ts';
import { openOurs } from './place.ts';
import type { SlowResult } from './results.ts';
import { type SlowClient, type SlowDownload, startSlowDownload, startSlowUpload } from './slow-client.ts';
import { watching } from './watch.ts';

/** Much more than the kernel's buffers of a connection hold: the server has to hold on to what is left. */
const DOWNLOADED_BYTES = 64 * MIB_BYTES;
/** A slow line. The uploads are as long as fits the time at this rate. */
const BYTES_PER_SECOND = 64 * 1024;
const TICK_MS = 250;
/** 200 new clients a second. */
const ARRIVALS_A_TICK = 50;
/** Read to their end afterwards, and held against the digest. */
const VERIFIED_DOWNLOADS = 16;
/** Beside the slow clients somebody quick asks for something small, this often. */
const BYSTANDER_PAUSE_MS = 100;

interface Findings {
  readonly errors: Record<string, number>;
  readonly downloadsHeld: number;
  readonly downloadsVerified: number;
  readonly uploadsCommitted: number;
  readonly bystander: Latencies;
}

/** Keeps many slow downloads and uploads under way at once, with a quick client beside them. */
export async function holdSlowClients(options: Options, workplace: Workplace): Promise<SlowResult> {
  const { downloads, uploads, seconds } = options;
  const ours = await openOurs(workplace, options);
  const participants = new Participants(workplace.progress);
  participants.present(ours);
  const fresh = freshObjects();
  const big = fresh(DOWNLOADED_BYTES);
  const small = fresh(SMALL_OBJECT_BYTES);
  await withConnection(ours, async (connection) => {
    for (const payload of [big, small]) await ours.put(connection, payload);
  });
  const uploaded = Array.from({ length: uploads }, () => fresh(Math.ceil(BYTES_PER_SECOND * seconds)));

  workplace.progress(`holding ${downloads} slow downloads and ${uploads} slow uploads for ${seconds} s`);
  const watched = { port: ours.port, usage: ours.usage, dataFolder: workplace.root, hasMetrics: true };
  const hold = () => holdThem(ours, { big, small, uploaded, downloads, seconds });
  const { result, envelope, samples } = await watching(watched, hold, () => 0);
  return {
    kind: 'slow',
    ...headOf(options, workplace.root, participants),
    downloads,
    uploads,
    holdSeconds: seconds,
    bytesPerSecondEach: BYTES_PER_SECOND,
    ...result,
    bystander: result.bystander.summary(),
    envelope,
    samples,
  };
}

interface Plan {
  readonly big: Payload;
  readonly small: Payload;
  readonly uploaded: readonly Payload[];
  readonly downloads: number;
  readonly seconds: number;
}

async function holdThem(ours: Artifortress, { big, small, uploaded, downloads, seconds }: Plan): Promise<Findings> {
  const errors: Record<string, number> = {};
  const count = (error: unknown) => {
    const code = codeOf(error);
    errors[code] = (errors[code] ?? 0) + 1;
  };
  const request = (digest: string) => ({
    port: ours.port,
    target: `/v1/repos/${REPO_KEY}/blobs/${digest}`,
    headers: { Authorization: `Bearer ${ours.token}` },
  });
  const slowDownloads: SlowDownload[] = [];
  const slowUploads: SlowClient[] = [];
  const bystander = new Latencies();
  try {
    const arriving = [
      ...Array.from({ length: downloads }, () => () => slowDownloads.push(startSlowDownload(request(big.digest)))),
      ...uploaded.map((payload) => () => slowUploads.push(startSlowUpload(request(payload.digest), payload))),
    ];
    await arrive(arriving, () => [...slowDownloads, ...slowUploads]);
    await pace([...slowDownloads, ...slowUploads], seconds / 2);
    const halfway = slowDownloads.map(({ movedBytes }) => movedBytes);
    const [, committed] = await Promise.all([
      pace([...slowDownloads, ...slowUploads], seconds / 2).then(() => sendRest(slowUploads)),
      committedOf(slowUploads, count),
      standBy(ours, small, seconds / 2, bystander, count),
    ]);
    const isHeld = ({ isOpen, movedBytes }: SlowDownload, index: number) =>
      isOpen && movedBytes > (halfway[index] ?? 0);
    const held = slowDownloads.filter(isHeld);
    for (let lost = slowDownloads.length - held.length; lost > 0; lost--) count(new Error('a download was not held'));
    const verified = await countVerified(held.slice(0, VERIFIED_DOWNLOADS), big, count);
    const sample = uploaded[committed[0] ?? uploaded.length];
    if (sample !== undefined) await checkBlob(ours, sample.digest);
    return {
      errors,
      downloadsHeld: held.length,
      downloadsVerified: verified,
      uploadsCommitted: committed.length,
      bystander,
    };
  } finally {
    for (const client of [...slowDownloads, ...slowUploads]) client.close();
  }
}

/** Has the clients come a few at a time, as they do; those that are there move on meanwhile. */
async function arrive(arriving: readonly (() => void)[], arrived: () => readonly SlowClient[]): Promise<void> {
  for (let first = 0; first < arriving.length; first += ARRIVALS_A_TICK) {
    for (const begin of arriving.slice(first, first + ARRIVALS_A_TICK)) begin();
    await pace(arrived(), TICK_MS / 1000);
  }
}

/** Lets each client move its share of bytes at every tick. */
async function pace(clients: readonly SlowClient[], seconds: number): Promise<void> {
  const ticks = Math.ceil((seconds * 1000) / TICK_MS);
  const bytes = Math.ceil((BYTES_PER_SECOND * TICK_MS) / 1000);
  for (let tick = 0; tick < ticks; tick++) {
    for (const client of clients) client.allow(bytes);
    await sleep(TICK_MS);
  }
}

function sendRest(uploads: readonly SlowClient[]): void {
  for (const upload of uploads) upload.allow(Number.POSITIVE_INFINITY);
}

/** The places of the uploads that were answered as committed. */
async function committedOf(uploads: readonly SlowClient[], count: (error: unknown) => void): Promise<number[]> {
  const outcomes = await Promise.all(
    uploads.map(async (upload, index) => {
      try {
        expectStatus(await upload.reply, 201, 'a slow upload');
        return [index];
      } catch (error) {
        count(error);
        return [];
      }
    }),
  );
  return outcomes.flat();
}

async function countVerified(
  downloads: readonly SlowDownload[],
  { digest }: Payload,
  count: (error: unknown) => void,
): Promise<number> {
  let verified = 0;
  for (const download of downloads) {
    download.hurry();
    try {
      expectStatus(await download.reply, 200, 'a slow download');
      if (download.digest() !== digest) throw new Error('a slow download gave other bytes');
      verified++;
    } catch (error) {
      count(error);
    }
  }
  return verified;
}

async function standBy(
  ours: Artifortress,
  small: Payload,
  seconds: number,
  latencies: Latencies,
  count: (error: unknown) => void,
): Promise<void> {
  const untilMs = performance.now() + seconds * 1000;
  await withConnection(ours, async (connection) => {
    while (performance.now() < untilMs) {
      const sinceMs = performance.now();
      try {
        expectStatus(await ours.get(connection, small.digest, 'discard'), 200, 'a quick download');
        latencies.record(performance.now() - sinceMs);
      } catch (error) {
        count(error);
      }
      await sleep(BYSTANDER_PAUSE_MS);
    }
  });
}
