import type { TenantId } from '../access/model.ts';
import { type Attribution, SYSTEM_ACTOR } from '../audit/model.ts';
import { condemnUnreferenced, lockBlobs } from '../blobs/deletion-store.ts';
import { isStoreError } from '../objects/errors.ts';
import type { ObjectKey } from '../objects/keys.ts';
import { parseObjectKey } from '../objects/keys.ts';
import type { MultipartId } from '../objects/object-store.ts';
import { inspectBlob } from './fsck-blob.ts';
import type { Finding, FsckOptions, FsckReport, FsckServices, ReadBack } from './fsck-report.ts';
import {
  changeState,
  firstTenant,
  holdersOf,
  listStoredBlobs,
  planDeletion,
  recordRemoval,
  type StoredBlob,
} from './fsck-store.ts';

const BATCH = 500;
/** Blobs looked at in the store at once. */
const LOOKUPS = 16;

/**
 * Compares database and store both ways. Safe beside a running server: what looks wrong is looked at again, and each repair is made
 * only if the row still says the same.
 */
export async function fsck(
  services: FsckServices,
  readBack: ReadBack,
  options: FsckOptions,
  onProgress: (report: FsckReport) => void = () => {},
): Promise<FsckReport> {
  const report: FsckReport = {
    blobs: 0,
    objects: 0,
    multiparts: 0,
    blobsRead: 0,
    bytesRead: 0,
    young: 0,
    findings: [],
  };
  await checkBlobs(services, readBack, options, report, onProgress);
  await checkStore(services, options, report, onProgress);
  return report;
}

function attributionOf(services: FsckServices, tenantId: TenantId): Attribution {
  return { tenantId, actor: SYSTEM_ACTOR, requestId: null, at: services.clock.now() };
}

/** From the database to the store: each blob's object is there, as long as it should be, and of the right bytes. */
async function checkBlobs(
  services: FsckServices,
  readBack: ReadBack,
  options: FsckOptions,
  report: FsckReport,
  onProgress: (report: FsckReport) => void,
): Promise<void> {
  let last: StoredBlob | undefined;
  for (;;) {
    const batch = await listStoredBlobs(services.db, last, BATCH);
    for (let start = 0; start < batch.length; start += LOOKUPS) {
      await Promise.all(
        batch.slice(start, start + LOOKUPS).map((blob) => checkBlob(services, readBack, options, report, blob)),
      );
      onProgress(report);
    }
    last = batch.at(-1);
    if (batch.length < BATCH) return;
  }
}

async function checkBlob(
  services: FsckServices,
  readBack: ReadBack,
  { repair, readShare }: FsckOptions,
  report: FsckReport,
  blob: StoredBlob,
): Promise<void> {
  report.blobs += 1;
  const by = attributionOf(services, blob.tenantId);
  const found = await inspectBlob(services, readBack, blob, readShare, report);
  if (found !== undefined) {
    const { problem, detail, transition } = found;
    const repaired =
      repair &&
      transition !== undefined &&
      (await changeState(services.db, by, blob, transition, { repair: `blob_${transition}`, problem, detail }));
    report.findings.push({ problem, subject: blob.digest, detail, repaired });
  }
  if (blob.state === 'live' || blob.state === 'damaged') {
    if (!blob.referenced) report.findings.push(await condemn(services, by, blob, repair));
  } else if (!blob.awaitsDeletion) {
    const runAt = new Date(by.at.getTime() + services.settings.deletionDelaySeconds * 1000);
    if (repair) await planDeletion(services.db, by, blob, runAt);
    const detail = `it is ${blob.state}, and no job would ever remove it`;
    report.findings.push({ problem: 'deletion_forgotten', subject: blob.digest, detail, repaired: repair });
  }
}

/** What no change of the product leaves behind: a blob that nothing refers to and that nobody condemned. */
async function condemn(services: FsckServices, by: Attribution, blob: StoredBlob, repair: boolean): Promise<Finding> {
  if (repair) {
    const deleteAt = new Date(by.at.getTime() + services.settings.deletionDelaySeconds * 1000);
    await services.db.transaction(async (transaction) => {
      await lockBlobs(transaction, blob.tenantId, [blob.digest]);
      await condemnUnreferenced(transaction, by, null, [blob.digest], deleteAt);
    });
  }
  const detail = 'no repository refers to it, and it was never condemned';
  return { problem: 'unreferenced_blob', subject: blob.digest, detail, repaired: repair };
}

interface Stray {
  key: string;
  since: Date;
  /** Null: it is a finished object. */
  multipartId: MultipartId | null;
}

/** From the store to the database: whatever lies there belongs to a blob, to a session that goes on, or to a job. */
async function checkStore(
  services: FsckServices,
  options: FsckOptions,
  report: FsckReport,
  onProgress: (report: FsckReport) => void,
): Promise<void> {
  let batch: Stray[] = [];
  const flush = async (): Promise<void> => {
    await checkStrays(services, options, report, batch);
    batch = [];
    onProgress(report);
  };
  for await (const { key, modifiedAt } of services.objects.listObjects()) {
    report.objects += 1;
    batch.push({ key, since: modifiedAt, multipartId: null });
    if (batch.length === BATCH) await flush();
  }
  for await (const { key, multipartId, startedAt } of services.objects.listMultiparts()) {
    report.multiparts += 1;
    batch.push({ key, since: startedAt, multipartId });
    if (batch.length === BATCH) await flush();
  }
  await flush();
}

interface ParsedStray extends Stray {
  parsed: { key: ObjectKey; uploadId: string; digest: string };
}

async function checkStrays(
  services: FsckServices,
  { repair, graceMs }: FsckOptions,
  report: FsckReport,
  strays: readonly Stray[],
): Promise<void> {
  const ours: ParsedStray[] = [];
  for (const stray of strays) {
    const parsed = parseObjectKey(stray.key);
    if (parsed !== undefined) ours.push({ ...stray, parsed });
    else {
      const detail = 'it is no key of ours, and is left alone';
      report.findings.push({ problem: 'foreign_key', subject: stray.key, detail, repaired: false });
    }
  }
  if (ours.length === 0) return;
  const holders = await holdersOf(
    services.db,
    ours.map(({ parsed }) => parsed),
  );
  const orphans = ours.filter((_stray, index) => holders[index] === 'nobody');
  for (const { multipartId, since, parsed } of orphans) {
    if (services.clock.now().getTime() - since.getTime() < graceMs) {
      report.young += 1;
      continue;
    }
    // What was being removed while it was listed had lost its row before it was gone.
    if (!(await isThere(services, parsed.key, multipartId))) continue;
    // A session that is over never takes its object back, and keys are never used again: nothing can want it from here on.
    const repaired = repair && (await removeOrphan(services, parsed));
    const detail = `nothing in the database refers to it; it is from ${since.toISOString()}`;
    report.findings.push({
      problem: multipartId === null ? 'orphan_object' : 'orphan_multipart',
      subject: parsed.key,
      detail,
      repaired,
    });
  }
}

async function isThere(services: FsckServices, key: ObjectKey, multipartId: MultipartId | null): Promise<boolean> {
  try {
    if (multipartId === null) await services.objects.head(key);
    else await services.objects.listParts(key, multipartId);
    return true;
  } catch (error) {
    if (isStoreError(error, 'upload_gone') || isStoreError(error, 'object_not_found')) return false;
    throw error;
  }
}

async function removeOrphan(services: FsckServices, stray: ParsedStray['parsed']): Promise<boolean> {
  const [holder] = await holdersOf(services.db, [stray]);
  if (holder !== 'nobody') return false;
  const tenantId = await firstTenant(services.db);
  // The record first: a removal that fails is found again, one without a record never.
  await recordRemoval(services.db, attributionOf(services, tenantId), stray.key, stray.digest);
  await services.objects.purge(stray.key);
  return true;
}
