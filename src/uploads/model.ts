import { z } from 'zod';
import type { RepoKey } from '../access/repo-key.ts';
import { type Branded, brand, PRINTABLE } from '../kernel/parse.ts';
import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';
import type { MultipartId, StoredPart } from '../objects/object-store.ts';

export type UploadId = Branded<string, 'UploadId'>;

export const uploadIdSchema = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be the id of an upload')
  .transform((text) => brand<UploadId>(text));

export const UPLOAD_STATES = ['initiated', 'parts_uploading', 'pending_commit', 'committed', 'aborted'] as const;
export type UploadState = (typeof UPLOAD_STATES)[number];

/** States in which something can still happen. */
export const LIVE_STATES = ['initiated', 'parts_uploading', 'pending_commit'] as const satisfies readonly UploadState[];

/**
 * Every legal transition of a session: from which states, by what, to which. The SQL of each change takes its `from` from here,
 * and a test holds the drawing in `docs/state-machines.md` to it. What is not here is a conflict.
 */
export const TRANSITIONS = {
  requestParts: { from: ['initiated', 'parts_uploading'], to: 'parts_uploading' },
  complete: { from: ['parts_uploading'], to: 'pending_commit' },
  commit: { from: ['pending_commit'], to: 'committed' },
  failVerification: { from: ['pending_commit'], to: 'aborted' },
  abort: { from: LIVE_STATES, to: 'aborted' },
  expire: { from: LIVE_STATES, to: 'aborted' },
  deleteRepository: { from: LIVE_STATES, to: 'aborted' },
} as const satisfies Record<string, { from: readonly UploadState[]; to: UploadState }>;

export type Transition = keyof typeof TRANSITIONS;

/** Why sessions end that no client ended. */
export const ABORT_REASONS = {
  client: 'client_abort',
  expired: 'expired',
  repositoryDeleted: 'repository_deleted',
  digestMismatch: 'digest_mismatch',
  lengthMismatch: 'length_mismatch',
  disconnected: 'client_disconnected',
  storeFailed: 'store_failed',
} as const;

export const abortReasonSchema = z.string().trim().min(1).max(256).regex(PRINTABLE, 'must have no control characters');

/** An upload session as it stands in the database. */
export interface UploadSession {
  uploadId: UploadId;
  repoId: number;
  repoKey: RepoKey;
  state: UploadState;
  expectedDigest: Digest;
  expectedLengthBytes: number;
  singleRequest: boolean;
  deduped: boolean;
  createdAt: Date;
  createdBy: string;
  expiresAt: Date;
  updatedAt: Date;
  objectKey: ObjectKey | null;
  multipartId: MultipartId | null;
  checksummed: boolean | null;
  completedAt: Date | null;
  parts: StoredPart[] | null;
  objectLengthBytes: number | null;
  objectDigest: Digest | null;
  verificationUntil: Date | null;
  abortReason: string | null;
  actualDigest: Digest | null;
  actualLengthBytes: number | null;
  endedAt: Date | null;
}

export function isLive(session: UploadSession): boolean {
  return LIVE_STATES.some((state) => state === session.state);
}

/** Past its time, and nothing keeps it alive: whoever comes first aborts it. */
export function isOverdue(session: UploadSession, now: Date): boolean {
  const beingVerified = session.verificationUntil !== null && session.verificationUntil > now;
  return isLive(session) && session.expiresAt <= now && !beingVerified;
}
