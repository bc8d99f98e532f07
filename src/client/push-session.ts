import { ArtifortressError } from './errors.ts';
import { measuredPartSize, type PlannedPart, planParts, splitHeld } from './part-plan.ts';
import type { PreparedPush, SessionEvent } from './push-types.ts';
import type { HeldPart, NextAction, PartBounds, UploadState } from './types.ts';
import type { UploadsApi } from './uploads.ts';

/** How long an unhappy end may take to tell the server, before the session is left to expire. */
const ABORT_TIMEOUT_MS = 3_000;

/** A session, and what is left to do in it. */
export interface PushSession {
  readonly repoKey: string;
  readonly uploadId: string;
  readonly expiresAtUtc: string | null;
  readonly deduped: boolean;
  readonly resumed: boolean;
  /** `done` where it is committed, `commit` where every part is sent and completed. */
  readonly step: 'send' | 'commit' | 'done';
  readonly partSizeBytes: number;
  readonly held: readonly HeldPart[];
  readonly missing: readonly PlannedPart[];
  readonly heldBytes: number;
}

type ServerSession = Pick<PushSession, 'repoKey' | 'uploadId' | 'expiresAtUtc' | 'deduped' | 'resumed'> & {
  readonly state: UploadState;
  readonly nextAction: NextAction | null;
};

/** Opens a new session; the server may have the content already. */
export async function openSession(uploads: UploadsApi, options: PreparedPush): Promise<PushSession> {
  const { repoKey, source, digest, signal } = options;
  const created = await uploads.create(repoKey, { digest, lengthBytes: source.size }, { signal });
  return planSession({ ...created, resumed: false }, source.size, [], options.partSizeBytes);
}

/** Takes up the session that the caller kept; null where there is none, it has ended, or it was for other content. */
export async function resumeSession(uploads: UploadsApi, options: PreparedPush): Promise<PushSession | null> {
  const { repoKey, source, digest, resume, signal } = options;
  if (resume === undefined) return null;
  try {
    const found = await uploads.get(repoKey, resume.uploadId, { signal });
    // The store's parts are worth something only where they are parts of these very bytes.
    if (found.state === 'aborted' || found.expectedDigest !== digest || found.expectedLength !== source.size)
      return null;
    const partSizeBytes = resume.partSizeBytes ?? measuredPartSize(found.parts, source.size);
    return planSession({ ...found, resumed: true }, source.size, found.parts, partSizeBytes);
  } catch (error) {
    const isGone = error instanceof ArtifortressError && (error.code === 'not_found' || error.code === 'bad_request');
    if (isGone) return null;
    throw error;
  }
}

function planSession(
  session: ServerSession,
  lengthBytes: number,
  parts: readonly HeldPart[],
  wantedPartSizeBytes: number | undefined,
): PushSession {
  const { repoKey, uploadId, expiresAtUtc, deduped, resumed, state, nextAction } = session;
  const common = { repoKey, uploadId, expiresAtUtc, deduped, resumed };
  if (state === 'committed' || nextAction?.action === 'commit') {
    const step = state === 'committed' ? 'done' : 'commit';
    return { ...common, step, partSizeBytes: 0, held: parts, missing: [], heldBytes: lengthBytes };
  }
  const plan = planParts(lengthBytes, partBoundsOf(session), wantedPartSizeBytes);
  return { ...common, step: 'send', partSizeBytes: plan[0]?.end ?? 0, ...splitHeld(plan, parts) };
}

/**
 * The bounds of the parts. The routes are the contract's own, below the address that the caller named: a token is never
 * sent to an address that came in an answer.
 */
function partBoundsOf({ nextAction, state }: ServerSession): PartBounds {
  if (nextAction?.action === 'upload_parts') return nextAction;
  const asked = nextAction?.action === 'unknown' ? nextAction.name : `nothing to send, in the state ${state}`;
  const message = `The server asks for a step that this client does not know (${asked}). Update the client.`;
  throw new ArtifortressError({ code: 'client_outdated', message });
}

/** Failures after which the same session can still be finished: by a better network, a new token, or a server that is back. */
const PASSING_CODES: ReadonlySet<string> = new Set([
  'network_error',
  'timeout',
  'invalid_response',
  'unauthorized',
  'forbidden',
  'rate_limited',
  'storage_access_denied',
  'service_unavailable',
  'insufficient_storage',
  'internal_error',
]);

/**
 * Ends a push that failed. A session that the server ended itself, or cannot be told about, is only reported. One that an
 * abort or a passing failure interrupted stays open where the caller wants to resume it.
 */
export async function abandon(
  uploads: UploadsApi,
  { repoKey, onFailure = 'abort' }: PreparedPush,
  { uploadId, resumed }: PushSession,
  error: unknown,
): Promise<SessionEvent['outcome']> {
  const code = error instanceof ArtifortressError ? error.code : null;
  if (code === 'upload_verification_failed') return 'aborted';
  if (onFailure === 'keep' && (code === null || PASSING_CODES.has(code))) return 'kept';
  // Somebody else's doing: it has ended already.
  if (resumed && (code === 'conflict' || code === 'not_found')) return 'left_open';
  try {
    const signal = AbortSignal.timeout(ABORT_TIMEOUT_MS);
    await uploads.abort(repoKey, uploadId, { reason: code ?? 'client_abort', signal });
    return 'aborted';
  } catch {
    return 'left_open';
  }
}
