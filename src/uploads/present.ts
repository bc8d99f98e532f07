import { z } from 'zod';
import { toTimestamp } from '../kernel/parse.ts';
import { PART_LIMITS, type StoredPart } from '../objects/object-store.ts';
import { isLive, UPLOAD_STATES, type UploadSession } from './model.ts';

/** Up to here an artifact is best sent as one part, which the store proves as it comes in: no commit has to read it back. */
const ONE_PART_BYTES = 64 * 1024 ** 2;

export const nextActionSchema = z.object({
  action: z.enum(['upload_parts', 'commit']),
  method: z.literal('POST'),
  url: z.string().describe('Absolute.'),
  minimumPartSizeBytes: z.int().optional().describe('Of every part but the last.'),
  suggestedPartSizeBytes: z.int().optional(),
  maximumPartSizeBytes: z.int().optional(),
  maximumPartNumber: z.int().optional(),
});

export const createdUploadSchema = z.object({
  uploadId: z.string(),
  repoKey: z.string(),
  expectedDigest: z.string(),
  expectedLength: z.int(),
  state: z.enum(UPLOAD_STATES),
  deduped: z.boolean().describe('True where no bytes are needed: the artifact is committed already.'),
  expiresAtUtc: z.string(),
  nextAction: nextActionSchema.nullable(),
});

export const storedPartSchema = z.object({ partNumber: z.int(), sizeBytes: z.int(), etag: z.string() });

export const sessionSchema = createdUploadSchema.extend({
  reason: z.string().nullable().describe('Why the session was aborted.'),
  checksummed: z
    .boolean()
    .nullable()
    .describe('Whether every part carries its SHA-256; null before the first part request.'),
  createdAtUtc: z.string(),
  createdBy: z.string(),
  updatedAtUtc: z.string(),
  endedAtUtc: z.string().nullable(),
  actualDigest: z.string().nullable(),
  actualLength: z.int().nullable(),
});

export const sessionWithPartsSchema = sessionSchema.extend({
  parts: z.array(storedPartSchema).describe('What the store holds of this upload: what a client needs to resume.'),
});

/** What a client does next, with all that it has to know to do it. */
export function nextActionOf(session: UploadSession, publicUrl: string): z.input<typeof nextActionSchema> | null {
  if (session.singleRequest || !isLive(session)) return null;
  const base = `${publicUrl}/v1/repos/${session.repoKey}/uploads/${session.uploadId}`;
  if (session.state === 'pending_commit') return { action: 'commit', method: 'POST', url: `${base}/commit` };
  return {
    action: 'upload_parts',
    method: 'POST',
    url: `${base}/parts`,
    minimumPartSizeBytes: PART_LIMITS.minimumBytes,
    suggestedPartSizeBytes: suggestPartSize(session.expectedLengthBytes),
    maximumPartSizeBytes: PART_LIMITS.maximumBytes,
    maximumPartNumber: PART_LIMITS.maximumNumber,
  };
}

/** Parts of 64 MiB, or larger ones where there would be more than a multipart upload can have. */
function suggestPartSize(lengthBytes: number): number {
  const least = Math.ceil(lengthBytes / PART_LIMITS.maximumNumber);
  return Math.max(ONE_PART_BYTES, least);
}

export function presentSession(session: UploadSession, publicUrl: string): z.input<typeof sessionSchema> {
  const { uploadId, repoKey, expectedDigest, state, deduped, checksummed, createdBy } = session;
  return {
    uploadId,
    repoKey,
    expectedDigest,
    expectedLength: session.expectedLengthBytes,
    state,
    deduped,
    expiresAtUtc: toTimestamp(session.expiresAt),
    nextAction: nextActionOf(session, publicUrl),
    reason: session.abortReason,
    checksummed,
    createdAtUtc: toTimestamp(session.createdAt),
    createdBy,
    updatedAtUtc: toTimestamp(session.updatedAt),
    endedAtUtc: session.endedAt && toTimestamp(session.endedAt),
    actualDigest: session.actualDigest,
    actualLength: session.actualLengthBytes,
  };
}

/** ETags as S3 gives them: in quotes. */
export function presentPart(part: StoredPart): z.input<typeof storedPartSchema> {
  return { ...part, etag: `"${part.etag}"` };
}
