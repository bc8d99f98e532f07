import type { RepoKey } from '../access/repo-key.ts';
import type { Attribution } from '../audit/model.ts';
import { attribute, type Caller } from '../services.ts';
import { closePartUrls } from './close-part-urls.ts';
import { isLive, isOverdue, type UploadId, type UploadSession } from './model.ts';
import { cleanupPlan, expireSession, refuseState, sessionEvent, type UploadServices, withSession } from './session.ts';
import { recordAbort } from './transition-store.ts';

/** Ends a session and has its bytes removed. Repeated, it answers the same, with the first reason. A session past its time has expired. */
export async function abortUpload(
  services: UploadServices,
  caller: Caller,
  repoKey: RepoKey,
  uploadId: UploadId,
  reason: string,
): Promise<UploadSession> {
  return await withSession(services, caller, repoKey, uploadId, async (session) => {
    if (session.state === 'aborted') return session;
    if (!isLive(session)) return refuseState(session, 'be aborted');
    const attribution = attribute(services.clock, caller);
    const ended = isOverdue(session, attribution.at)
      ? await expireSession(services, attribution, session)
      : await abortSession(services, attribution, session, reason);
    if (ended !== undefined) await closePartUrls(services, [ended]);
    return ended;
  });
}

async function abortSession(
  services: UploadServices,
  attribution: Attribution,
  session: UploadSession,
  reason: string,
): Promise<UploadSession | undefined> {
  const event = sessionEvent('upload.aborted', session, { state: session.state, reason });
  const plan = cleanupPlan(services.settings, attribution.at);
  return await recordAbort(services.db, attribution, session, reason, event, plan);
}
