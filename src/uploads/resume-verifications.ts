import { SYSTEM_ACTOR } from '../audit/model.ts';
import { messageOf } from '../kernel/errors.ts';
import type { Services } from '../services.ts';
import { listAbandonedVerifications } from './lease-store.ts';

/** More than this wait for a later round; each is read whole. */
const BATCH = 20;

/**
 * Goes on with verifications whose process died: a commit that was asked for comes to its end, whether or not its client asks again.
 * @returns how many were taken up.
 */
export async function resumeVerifications(
  services: Pick<Services, 'db' | 'clock' | 'verifications' | 'log'>,
): Promise<number> {
  const at = services.clock.now();
  const abandoned = await listAbandonedVerifications(services.db, at, BATCH);
  for (const session of abandoned) {
    const attribution = { tenantId: session.tenantId, actor: SYSTEM_ACTOR, requestId: null, at };
    // Not waited for: reading may take long. Its failure is logged there, and gives the lease back.
    services.verifications.advance(attribution, session).catch((error: unknown) => {
      services.log.warn(
        { uploadId: session.uploadId, error: messageOf(error) },
        'a verification taken up again failed',
      );
    });
  }
  return abandoned.length;
}
