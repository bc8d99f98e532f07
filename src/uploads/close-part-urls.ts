import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../kernel/errors.ts';
import type { Services } from '../services.ts';
import type { UploadSession } from './model.ts';

/** A store that takes longer keeps nobody waiting: the clean-up of the session does the same (see `cleanupPlan`). */
const LONGEST_WAIT_MS = 2_000;
const CONCURRENT_CALLS = 16;

/**
 * Has the store refuse what still comes for sessions that have just ended. Their part URLs go straight to the store, which takes bytes
 * for as long as it knows of the multipart upload, and the job that cleans up may come a moment later.
 */
export async function closePartUrls(
  { objects, log }: Pick<Services, 'objects' | 'log'>,
  ended: readonly Pick<UploadSession, 'objectKey' | 'multipartId'>[],
): Promise<void> {
  const open = ended.values();
  const closeNext = async (): Promise<void> => {
    // Taken by all of them, one after the other.
    for (const { objectKey, multipartId } of open) {
      if (objectKey === null || multipartId === null) continue;
      await objects.abortMultipart(objectKey, multipartId).catch((error: unknown) => {
        log.warn({ objectKey, error: messageOf(error) }, 'the part URLs of an ended upload could not be closed yet');
      });
    }
  };
  const closed = Promise.all(Array.from({ length: Math.min(CONCURRENT_CALLS, ended.length) }, closeNext));
  await Promise.race([closed, sleep(LONGEST_WAIT_MS, undefined, { ref: false })]);
}
