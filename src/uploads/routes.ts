import { z } from 'zod';
import { type App, access, callerOf } from '../http/app.ts';
import { locationOf } from '../http/location.ts';
import { answers, repositoryParams } from '../http/schemas.ts';
import { decodeCursor, pageQuery, pageSchema, toPage, UUID_KEY } from '../kernel/page.ts';
import { toTimestamp } from '../kernel/parse.ts';
import { digestSchema } from '../objects/digest.ts';
import { findRepository, unknownRepository } from '../repositories/store.ts';
import type { Services } from '../services.ts';
import { type CreatedUpload, createUpload } from './create-upload.ts';
import { getUpload } from './get-upload.ts';
import { UPLOAD_STATES, uploadIdSchema } from './model.ts';
import {
  createdUploadSchema,
  nextActionOf,
  presentPart,
  presentSession,
  sessionSchema,
  sessionWithPartsSchema,
} from './present.ts';
import { listSessions } from './session-store.ts';

const lengthSchema = z.int().min(0).describe('Bytes.');

/** Starting a session, and looking at sessions. */
export function registerSessionRoutes(app: App, services: Services): void {
  const { publicUrl } = services;

  app.post(
    '/v1/repos/:repoKey/uploads',
    {
      config: { access: access.repository('write') },
      schema: {
        tags: ['uploads'],
        summary: 'Start an upload',
        description: '201 with a session that waits for parts; 200, committed, where no bytes are needed.',
        params: repositoryParams,
        body: z.object({ expectedDigest: digestSchema, expectedLength: lengthSchema }),
        response: answers({ 200: createdUploadSchema, 201: createdUploadSchema }),
      },
    },
    async (request, reply) => {
      const { expectedDigest, expectedLength } = request.body;
      const { repoKey } = request.params;
      const declared = { expectedDigest, expectedLengthBytes: expectedLength };
      const created = await createUpload(services, callerOf(request), repoKey, declared, { singleRequest: false });
      const body = { ...presentCreated(created, publicUrl()), expectedDigest, expectedLength };
      return reply
        .code(created.kind === 'deduped' ? 200 : 201)
        .header('location', locationOf(publicUrl(), `/v1/repos/${repoKey}/uploads/${body.uploadId}`))
        .send(body);
    },
  );

  app.get(
    '/v1/repos/:repoKey/uploads',
    {
      config: { access: access.repository('write') },
      schema: {
        tags: ['uploads'],
        summary: 'List the upload sessions of a repository',
        params: repositoryParams,
        querystring: z.object({
          ...pageQuery,
          state: z
            .enum([...UPLOAD_STATES, ''])
            .optional()
            .describe('Empty: all.'),
        }),
        response: answers({ 200: pageSchema(sessionSchema) }),
      },
    },
    async (request) => {
      const { limit, cursor, state } = request.query;
      const { repoKey } = request.params;
      const repository = await findRepository(services.db, callerOf(request).principal.tenantId, repoKey);
      const before = decodeCursor(cursor, UUID_KEY);
      const wanted = state === '' ? undefined : state;
      const rows = await listSessions(services.db, repository ?? unknownRepository(repoKey), wanted, before, limit + 1);
      return toPage(
        rows,
        limit,
        (row) => row.uploadId,
        (row) => presentSession(row, publicUrl()),
      );
    },
  );

  app.get(
    '/v1/repos/:repoKey/uploads/:uploadId',
    {
      config: { access: access.repository('write') },
      schema: {
        tags: ['uploads'],
        summary: 'Show a session, and the parts that the store holds of it',
        params: repositoryParams.extend({ uploadId: uploadIdSchema }),
        response: answers({ 200: sessionWithPartsSchema }),
      },
    },
    async (request) => {
      const { repoKey, uploadId } = request.params;
      const { session, parts } = await getUpload(services, callerOf(request), repoKey, uploadId);
      return { ...presentSession(session, publicUrl()), parts: parts.map(presentPart) };
    },
  );
}

function presentCreated(created: CreatedUpload, publicUrl: string) {
  if (created.kind === 'deduped') {
    const { uploadId, repoKey, expiresAt } = created;
    return {
      uploadId,
      repoKey,
      state: 'committed' as const,
      deduped: true,
      expiresAtUtc: toTimestamp(expiresAt),
      nextAction: null,
    };
  }
  const { session } = created;
  return {
    uploadId: session.uploadId,
    repoKey: session.repoKey,
    state: session.state,
    deduped: false,
    expiresAtUtc: toTimestamp(session.expiresAt),
    nextAction: nextActionOf(session, publicUrl),
  };
}
