import { messageOf } from '../kernel/errors.ts';
import { isStoreError } from '../objects/errors.ts';
import type { FsckReport, FsckServices, Problem, ReadBack } from './fsck-report.ts';
import { type StoredBlob, stateOf } from './fsck-store.ts';

interface BlobProblem {
  problem: Problem;
  detail: string;
  transition: 'damage' | 'mend' | undefined;
}

/** What is wrong with a blob's object; undefined where nothing is, or the blob has moved on meanwhile. */
export async function inspectBlob(
  services: FsckServices,
  readBack: ReadBack,
  blob: StoredBlob,
  readShare: number,
  report: FsckReport,
): Promise<BlobProblem | undefined> {
  // Its object may be gone already, and is about to be.
  if (blob.state === 'deleting') return undefined;
  const bad = await judge(services, readBack, blob, readShare, report);
  const expected = blob.state === 'damaged' ? 'damaged' : undefined;
  if (bad === undefined && expected === undefined) return undefined;
  // Looked at again: it may have been deleted, or healed onto another object, while we looked at this one.
  const state = await stateOf(services.db, blob);
  if (state === undefined || state === 'deleting') return undefined;
  if (bad === undefined) {
    const detail = 'it is marked as damaged, and its bytes are right';
    return state === 'damaged' ? { problem: 'damaged_but_sound', detail, transition: 'mend' } : undefined;
  }
  if (state === 'damaged') {
    return { problem: 'still_damaged', detail: `${bad.detail}; uploading it again heals it`, transition: undefined };
  }
  return { ...bad, transition: state === 'live' ? 'damage' : undefined };
}

/** What the store has of a blob. @throws StoreError where the store itself can't be asked. */
async function judge(
  services: FsckServices,
  readBack: ReadBack,
  { objectKey, lengthBytes, digest, state }: StoredBlob,
  readShare: number,
  report: FsckReport,
): Promise<{ problem: Problem; detail: string } | undefined> {
  try {
    const head = await services.objects.head(objectKey);
    if (head.lengthBytes !== lengthBytes) {
      return { problem: 'object_corrupt', detail: `its object has ${head.lengthBytes} bytes and not ${lengthBytes}` };
    }
    if (state !== 'damaged' && Math.random() >= readShare) return undefined;
    report.blobsRead += 1;
    report.bytesRead += lengthBytes;
    const actual = await readBack({ key: objectKey, lengthBytes });
    return actual === digest
      ? undefined
      : { problem: 'object_corrupt', detail: `its bytes have the SHA-256 ${actual}` };
  } catch (error) {
    if (!isStoreError(error, 'object_not_found')) throw error;
    return { problem: 'object_missing', detail: messageOf(error) };
  }
}
