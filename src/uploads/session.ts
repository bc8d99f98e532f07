import type { RepoKey } from '../access/repo-key.ts';
import type { AuditEvent } from '../audit/model.ts';
import { AppError } from '../kernel/errors.ts';
import type { Settings } from '../kernel/settings.ts';
import { attribute, type Caller, type Services } from '../services.ts';
import { closePartUrls } from './close-part-urls.ts';
import { ABORT_REASONS, isOverdue, type UploadId, type UploadSession } from './model.ts';
import { findSession } from './session-store.ts';
import { type CleanupPlan, recordExpiry } from './transition-store.ts';

export type UploadServices = Pick<Services, 'db' | 'objects' | 'clock' | 'ids' | 'log' | 'settings'>;

/** How long a `PUT` may go on after its URL expired, and a call to the store after its caller gave up. */
const LONGEST_STRAGGLER_SECONDS = 3600;

/** A session is at most this often read again because somebody else changed it first; each change brings it nearer to its end. */
const MAXIMUM_RACES = 10;

/** The bytes go now, and once more when nothing that was under way can still land. */
export function cleanupPlan(settings: Settings, now: Date): CleanupPlan {
  const delaySeconds = settings.partUrlTtlSeconds + LONGEST_STRAGGLER_SECONDS;
  return { firstAt: now, againAt: new Date(now.getTime() + delaySeconds * 1000) };
}

/**
 * Reads the session, lets `step` judge and change it, and starts over where somebody else changed it in between (`step` answers
 * undefined).
 */
export async function withSession<Result>(
  services: UploadServices,
  caller: Caller,
  repoKey: RepoKey,
  uploadId: UploadId,
  step: (session: UploadSession) => Promise<Result | undefined>,
): Promise<Result> {
  for (let race = 0; race < MAXIMUM_RACES; race += 1) {
    const session = await findSession(services.db, caller.principal.tenantId, repoKey, uploadId);
    const result = await step(session);
    if (result !== undefined) return result;
  }
  throw new AppError('conflict', `The upload ${uploadId} is being changed by others at this moment; ask again.`);
}

/**
 * Work that may fail because the session moved on meanwhile, and its bytes with it, or that moved it itself and lost the database's
 * answer: then it is the session that tells what happened, not the failure.
 * @returns undefined where the session is in another state by now.
 */
export async function unlessMovedOn<Result>(
  services: UploadServices,
  caller: Caller,
  session: UploadSession,
  work: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await work();
  } catch (error) {
    const { repoKey, uploadId, state } = session;
    const current = await findSession(services.db, caller.principal.tenantId, repoKey, uploadId);
    if (current.state === state) throw error;
    return undefined;
  }
}

/** What every audit row of a session says. */
export function sessionEvent(
  action: AuditEvent['action'],
  session: Pick<UploadSession, 'uploadId' | 'repoKey' | 'expectedDigest' | 'expectedLengthBytes'>,
  details: Record<string, unknown> = {},
): AuditEvent {
  const { uploadId, repoKey, expectedDigest, expectedLengthBytes } = session;
  return {
    action,
    resourceId: uploadId,
    repoKey,
    details: { expectedDigest, expectedLength: expectedLengthBytes, ...details },
  };
}

/** The conflict of a transition that the state does not allow. */
export function refuseState(session: UploadSession, verb: string): never {
  const reason = session.abortReason === null ? '' : ` (${session.abortReason})`;
  throw new AppError('conflict', `The upload is ${session.state}${reason}: it can't ${verb}.`);
}

/** Aborts a session past its time there and then, whether or not the sweeper has come by, and refuses. */
export async function refuseOverdue(services: UploadServices, caller: Caller, session: UploadSession): Promise<void> {
  const attribution = attribute(services.clock, caller);
  if (!isOverdue(session, attribution.at)) return;
  const expired = await expireSession(services, attribution, session);
  if (expired !== undefined) await closePartUrls(services, [expired]);
  throw new AppError(
    'conflict',
    `The upload expired at ${session.expiresAt.toISOString()} and is aborted (expired): start a new one.`,
  );
}

/** Ends a session whose time is over. @returns the session as it is after its expiry; undefined where somebody else changed it first. */
export async function expireSession(
  services: UploadServices,
  attribution: Parameters<typeof recordExpiry>[1],
  session: UploadSession,
): Promise<UploadSession | undefined> {
  const event = sessionEvent('upload.expired', session, { state: session.state, reason: ABORT_REASONS.expired });
  return await recordExpiry(services.db, attribution, session, event, cleanupPlan(services.settings, attribution.at));
}
