import { SYSTEM_ACTOR } from '../audit/model.ts';
import { expireSession, type UploadServices } from './session.ts';
import { listOverdueSessions } from './session-store.ts';

const BATCH = 100;

/** Aborts the sessions whose time is over and lets their bytes be removed. @returns how many. */
export async function sweepOverdueSessions(services: UploadServices, signal?: AbortSignal): Promise<number> {
  let swept = 0;
  for (;;) {
    if (signal?.aborted) return swept;
    const at = services.clock.now();
    const overdue = await listOverdueSessions(services.db, at, BATCH);
    for (const session of overdue) {
      const attribution = { tenantId: session.tenantId, actor: SYSTEM_ACTOR, requestId: null, at };
      // Somebody else may have ended it meanwhile: then there is nothing to do.
      if ((await expireSession(services, attribution, session)) !== undefined) swept += 1;
    }
    if (overdue.length < BATCH) return swept;
  }
}
