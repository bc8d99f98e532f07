import { z } from 'zod';
import { type App, access, callerOf } from '../http/app.ts';
import { answers, repositoryParams } from '../http/schemas.ts';
import { optional, toTimestamp } from '../kernel/parse.ts';
import { digestSchema } from '../objects/digest.ts';
import { PART_LIMITS } from '../objects/object-store.ts';
import type { Services } from '../services.ts';
import { abortUpload } from './abort-upload.ts';
import { commitUpload } from './commit-upload.ts';
import { completeUpload } from './complete-upload.ts';
import { ABORT_REASONS, abortReasonSchema, UPLOAD_STATES, uploadIdSchema } from './model.ts';
import { type PartRequest, requestParts, type SignedPart } from './request-parts.ts';

const uploadParams = repositoryParams.extend({ uploadId: uploadIdSchema });
const MAXIMUM_PARTS_A_REQUEST = 1000;
/** 10,000 parts with the longest ETags fit, and little more. */
const COMPLETE_BODY_LIMIT_BYTES = 4 * 1024 ** 2;
const COMMIT_RETRY_AFTER_SECONDS = 1;

const stateChange = { uploadId: z.string(), repoKey: z.string(), state: z.enum(UPLOAD_STATES) };

const partNumberSchema = z.int().min(1).max(PART_LIMITS.maximumNumber);

const partRequestSchema = z.object({
  partNumber: partNumberSchema,
  sha256: optional(digestSchema).describe(
    'Has the store itself refuse other bytes. On all parts of a session or on none.',
  ),
  sizeBytes: optional(z.int().min(1).max(PART_LIMITS.maximumBytes)).describe('Binds the URL to a body of this length.'),
});

const partsBodySchema = z
  .union([
    partRequestSchema.extend({ parts: z.null().optional() }),
    z.object({
      partNumber: z.null().optional(),
      parts: z.array(partRequestSchema).min(1).max(MAXIMUM_PARTS_A_REQUEST),
    }),
  ])
  .superRefine((body, context) => {
    const numbers = body.parts?.map((part) => part.partNumber) ?? [];
    if (new Set(numbers).size < numbers.length)
      context.addIssue({ code: 'custom', path: ['parts'], message: 'names a part number twice' });
  });

const signedPart = {
  partNumber: z.int(),
  uploadUrl: z.string().describe('Takes one PUT of the bytes.'),
  headers: z.record(z.string(), z.string()).describe('To be sent with the PUT as they are.'),
  expiresAtUtc: z.string(),
};

/** Any text that could be one: whether it is the right one is for the store to say. A proxy may have made it weak (RFC 9110 §8.8.1). */
const ETAG_FORM = /^(?:W\/(?="))?"?[^"\p{Cc}\p{Cs}]{1,256}"?$/u;

const completeBodySchema = z.object({
  parts: z
    .array(
      z.object({
        partNumber: partNumberSchema,
        etag: z
          .string()
          .trim()
          .regex(ETAG_FORM, 'must be the ETag that the PUT of the part answered')
          .transform(opaqueTagOf),
      }),
    )
    .min(1)
    .max(PART_LIMITS.maximumNumber)
    .refine(
      (parts) => new Set(parts.map((part) => part.partNumber)).size === parts.length,
      'names a part number twice',
    ),
});

/** What is between the quotes, if there are any. */
function opaqueTagOf(etag: string): string {
  return etag.replace(/^W\/(?=")/, '').replaceAll('"', '');
}

function presentSigned({ partNumber, url, headers, expiresAt }: SignedPart) {
  return { partNumber, uploadUrl: url, headers, expiresAtUtc: toTimestamp(expiresAt) };
}

/** What moves a session on: parts, complete, commit, abort. */
export function registerTransitionRoutes(app: App, services: Services): void {
  app.post(
    '/v1/repos/:repoKey/uploads/:uploadId/parts',
    {
      config: { access: access.repository('write') },
      schema: {
        tags: ['uploads'],
        summary: 'Get the URLs that take the bytes of parts',
        description: `One part, or up to ${MAXIMUM_PARTS_A_REQUEST} in "parts".`,
        params: uploadParams,
        body: partsBodySchema,
        response: answers({
          200: z.union([
            z.object({ ...stateChange, ...signedPart }),
            z.object({ ...stateChange, parts: z.array(z.object(signedPart)) }),
          ]),
        }),
      },
    },
    async (request) => {
      const { repoKey, uploadId } = request.params;
      const { body } = request;
      const wanted: PartRequest[] = body.parts ?? [body];
      const { session, parts } = await requestParts(services, callerOf(request), repoKey, uploadId, wanted);
      const signed = parts.map(presentSigned);
      const [only] = signed;
      const change = { uploadId, repoKey, state: session.state };
      return Array.isArray(body.parts) || only === undefined ? { ...change, parts: signed } : { ...change, ...only };
    },
  );

  app.post(
    '/v1/repos/:repoKey/uploads/:uploadId/complete',
    {
      config: { access: access.repository('write') },
      bodyLimit: COMPLETE_BODY_LIMIT_BYTES,
      schema: {
        tags: ['uploads'],
        summary: 'Say that all parts are there',
        params: uploadParams,
        body: completeBodySchema,
        response: answers({ 200: z.object({ ...stateChange, expectedDigest: z.string(), expectedLength: z.int() }) }),
      },
    },
    async (request) => {
      const { repoKey, uploadId } = request.params;
      const session = await completeUpload(services, callerOf(request), repoKey, uploadId, request.body.parts);
      const { state, expectedDigest, expectedLengthBytes } = session;
      return { uploadId, repoKey, state, expectedDigest, expectedLength: expectedLengthBytes };
    },
  );

  app.post(
    '/v1/repos/:repoKey/uploads/:uploadId/commit',
    {
      config: { access: access.repository('write') },
      schema: {
        tags: ['uploads'],
        summary: 'Prove the digest and make the artifact visible',
        description: '202 while a long verification goes on: the same call, repeated, ends in 200 or 409.',
        params: uploadParams,
        response: answers({
          200: z.object({ ...stateChange, digest: z.string(), length: z.int() }),
          202: z.object({ ...stateChange, verifiedBytes: z.int(), totalBytes: z.int() }),
        }),
      },
    },
    async (request, reply) => {
      const { repoKey, uploadId } = request.params;
      const outcome = await commitUpload(services, callerOf(request), repoKey, uploadId);
      const { state, expectedDigest, expectedLengthBytes } = outcome.session;
      const change = { uploadId, repoKey, state };
      if (outcome.kind === 'committed') return { ...change, digest: expectedDigest, length: expectedLengthBytes };
      return reply
        .code(202)
        .header('retry-after', String(COMMIT_RETRY_AFTER_SECONDS))
        .send({ ...change, ...outcome.progress });
    },
  );

  app.post(
    '/v1/repos/:repoKey/uploads/:uploadId/abort',
    {
      config: { access: access.repository('write') },
      schema: {
        tags: ['uploads'],
        summary: 'End a session and have its bytes removed',
        params: uploadParams,
        body: z.object({ reason: optional(abortReasonSchema) }).nullish(),
        response: answers({ 200: z.object({ ...stateChange, reason: z.string().nullable() }) }),
      },
    },
    async (request) => {
      const { repoKey, uploadId } = request.params;
      const reason = request.body?.reason ?? ABORT_REASONS.client;
      const session = await abortUpload(services, callerOf(request), repoKey, uploadId, reason);
      return { uploadId, repoKey, state: session.state, reason: session.abortReason };
    },
  );
}
