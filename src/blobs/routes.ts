import type { Readable } from 'node:stream';
import { z } from 'zod';
import { type App, access, callerOf } from '../http/app.ts';
import { answers, blobParams, bodyOf, noBody, repositoryParams } from '../http/schemas.ts';
import { readContentLength, sendContinue } from '../http/streamed-body.ts';
import { messageOf } from '../kernel/errors.ts';
import { decodeCursor, pageQuery, pageSchema, ROW_ID_KEY, toPage } from '../kernel/page.ts';
import { toTimestamp } from '../kernel/parse.ts';
import { findRepository, unknownRepository } from '../repositories/store.ts';
import type { Services } from '../services.ts';
import { putBlob } from '../uploads/put-blob.ts';
import { deleteReference } from './delete-reference.ts';
import type { BlobReference } from './model.ts';
import { planDownload, refuseMalformedRange } from './plan-download.ts';
import { redirectOf, refuseDamaged, sendBlob } from './read-blob.ts';
import { findBlob, listReferences } from './store.ts';

const referenceSchema = z.object({
  digest: z.string(),
  length: z.int(),
  createdAtUtc: z.string(),
  createdBy: z.string(),
});

const NOTHING = Buffer.alloc(0);
const BYTES = bodyOf('application/octet-stream', 'The bytes.');

const prefixSchema = z
  .string()
  .trim()
  .toLowerCase()
  .transform((text) => text.replace(/^sha256:/, ''))
  .refine((text) => /^[0-9a-f]{0,64}$/.test(text), 'must be the first hex characters of a digest');

function presentReference({
  digest,
  lengthBytes,
  createdAt,
  createdBy,
}: BlobReference): z.input<typeof referenceSchema> {
  return { digest, length: lengthBytes, createdAtUtc: toTimestamp(createdAt), createdBy };
}

export function registerBlobRoutes(app: App, services: Services): void {
  registerDownloadRoutes(app, services);
  registerDeleteRoute(app, services);

  app.get(
    '/v1/repos/:repoKey/blobs',
    {
      config: { access: access.repository('read') },
      schema: {
        tags: ['blobs'],
        summary: 'List what a repository holds',
        params: repositoryParams,
        querystring: z.object({
          ...pageQuery,
          prefix: prefixSchema.optional().describe('First characters of the digest; empty: all.'),
        }),
        response: answers({ 200: pageSchema(referenceSchema) }),
      },
    },
    async (request) => {
      const { limit, cursor, prefix } = request.query;
      const { repoKey } = request.params;
      const key = decodeCursor(cursor, ROW_ID_KEY);
      const found = await findRepository(services.db, callerOf(request).principal.tenantId, repoKey);
      const { repoId } = found ?? unknownRepository(repoKey);
      const rows = await listReferences(
        services.db,
        repoId,
        prefix,
        key === undefined ? undefined : Number(key),
        limit + 1,
      );
      return toPage(rows, limit, (row) => row.referenceId, presentReference);
    },
  );
}

const redirectQuery = z.object({
  redirect: z
    .enum(['0', '1'], 'must be 0 or 1')
    .optional()
    .describe('1: answer with a redirect to the object store, where it can be reached; 0: send the bytes from here.'),
});

/** As `writeHead` takes a list of them: name, value, name, value. */
function rawHeader([name, value]: [string, number | string | string[] | undefined]): string[] {
  return value === undefined ? [] : [value].flat().flatMap((one) => [name, String(one)]);
}

function registerDownloadRoutes(app: App, services: Services): void {
  app.get(
    '/v1/repos/:repoKey/blobs/:digest',
    {
      config: { access: access.repository('read') },
      exposeHeadRoute: false,
      schema: {
        tags: ['blobs'],
        summary: 'Download a blob, or one range of it',
        description:
          '200, 206, 304; 307 to a presigned URL where it was asked for; 400 for a malformed Range, 416 for one that this blob cannot satisfy.',
        params: blobParams,
        querystring: redirectQuery,
        response: answers({ 200: BYTES, 206: BYTES, 304: noBody, 307: noBody }),
      },
    },
    async (request, reply) => {
      const { repoKey, digest } = request.params;
      refuseMalformedRange(digest, request.headers);
      const blob = await findBlob(services.db, callerOf(request).principal.tenantId, repoKey, digest);
      const plan = planDownload(blob, request.headers);
      if (plan.status === 304) return reply.code(304).headers(plan.headers).send(undefined);
      refuseDamaged(blob);
      const headers = { ...plan.headers, 'content-length': String(plan.lengthBytes) };
      if (plan.range === undefined) return reply.code(plan.status).headers(headers).send(NOTHING);
      const elsewhere = await redirectOf(services, blob, 'GET', plan.lengthBytes, request.query.redirect);
      if (elsewhere !== undefined) return reply.code(307).headers(elsewhere).send(undefined);
      // Past the framework from the first byte on: its streams would copy, and hold on to, every chunk.
      const begin = (): void => {
        reply.hijack();
        reply.raw.writeHead(plan.status, Object.entries({ ...reply.getHeaders(), ...headers }).flatMap(rawHeader));
      };
      try {
        await sendBlob(services, blob, plan.range, reply.raw, begin);
      } catch (error) {
        if (!reply.raw.headersSent) throw error;
        services.log.warn({ requestId: request.id, digest, error: messageOf(error) }, 'a download broke off');
        // The promised length can't be kept: only a cut connection tells the client.
        reply.raw.destroy();
      }
      return reply;
    },
  );

  app.head(
    '/v1/repos/:repoKey/blobs/:digest',
    {
      config: { access: access.repository('read') },
      schema: {
        tags: ['blobs'],
        summary: 'Length and headers of a blob',
        params: blobParams,
        querystring: redirectQuery,
        response: answers({ 200: noBody, 304: noBody, 307: noBody }),
      },
    },
    async (request, reply) => {
      const { repoKey, digest } = request.params;
      const blob = await findBlob(services.db, callerOf(request).principal.tenantId, repoKey, digest);
      const plan = planDownload(blob, { 'if-none-match': request.headers['if-none-match'] });
      if (plan.status === 304) return reply.code(304).headers(plan.headers).send(undefined);
      refuseDamaged(blob);
      const elsewhere = await redirectOf(services, blob, 'HEAD', 0, request.query.redirect);
      if (elsewhere !== undefined) return reply.code(307).headers(elsewhere).send(undefined);
      return reply.code(200).headers(plan.headers).header('content-length', String(blob.lengthBytes)).send(undefined);
    },
  );
}

/** In the scope of routes that read their bodies themselves. */
export function registerPutBlobRoute(app: App, services: Services): void {
  const storedSchema = z.object({ repoKey: z.string(), digest: z.string(), length: z.int(), deduped: z.boolean() });

  app.put(
    '/v1/repos/:repoKey/blobs/:digest',
    {
      config: { access: access.repository('write'), streamsBody: true },
      schema: {
        tags: ['blobs'],
        summary: 'Upload a blob in one request',
        description: 'The bytes as body, with Content-Length. 200 where no bytes were needed.',
        params: blobParams,
        response: answers({ 200: storedSchema, 201: storedSchema }),
      },
    },
    async (request, reply) => {
      const { repoKey, digest } = request.params;
      const lengthBytes = readContentLength(request.headers, services.settings.maximumArtifactBytes);
      const body = (): Readable => {
        sendContinue(request, reply);
        return request.raw;
      };
      const caller = callerOf(request);
      const { deduped } = await services.streamedUploads.admit(() =>
        putBlob(services, caller, repoKey, { digest, lengthBytes }, body),
      );
      return reply.code(deduped ? 200 : 201).send({ repoKey, digest, length: lengthBytes, deduped });
    },
  );
}

function registerDeleteRoute(app: App, services: Services): void {
  app.delete(
    '/v1/repos/:repoKey/blobs/:digest',
    {
      config: { access: access.repository('admin') },
      schema: {
        tags: ['blobs'],
        summary: "Drop a repository's reference to a blob",
        params: blobParams,
        response: answers({
          200: z.object({ repoKey: z.string(), digest: z.string(), status: z.literal('deleted') }),
        }),
      },
    },
    async (request) => {
      const { repoKey, digest } = request.params;
      return await deleteReference(services, callerOf(request), repoKey, digest);
    },
  );
}
