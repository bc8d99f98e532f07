import { Readable } from 'node:stream';
import { z } from 'zod';
import { repoKeySchema } from '../access/repo-key.ts';
import { type App, access, callerOf } from '../http/app.ts';
import { answers, bodyOf } from '../http/schemas.ts';
import { envelopeSchema } from '../kernel/dsse.ts';
import { decodeCursor, pageQuery, pageSchema, ROW_ID_KEY, toPage } from '../kernel/page.ts';
import { PRINTABLE, toTimestamp } from '../kernel/parse.ts';
import type { Services } from '../services.ts';
import { exportAudit } from './export.ts';
import { followAudit } from './follow.ts';
import { auditRowSchema, presentRow } from './present.ts';
import { proveRow } from './proof.ts';
import { type AuditBatch, listBatches } from './sealing-store.ts';
import { listAuditRows } from './store.ts';

const filterText = z.string().min(1).max(512).regex(PRINTABLE, 'must have no control characters');

/** RFC 3339, any offset. */
const moment = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time such as 2026-01-31T12:00:00Z' })
  .transform((text) => new Date(text));

const checkpointSchema = z.object({
  batch: z.int(),
  rows: z.int(),
  sealedAtUtc: z.string(),
  hash: z.string().describe('SHA-256 of the payload: the next checkpoint names it.'),
  rowsRemoved: z.boolean().describe('Whether retention has removed the rows.'),
  checkpoint: envelopeSchema,
});

function presentBatch(batch: AuditBatch): z.input<typeof checkpointSchema> {
  return {
    batch: batch.batchNumber,
    rows: batch.rowCount,
    sealedAtUtc: toTimestamp(batch.sealedAt),
    hash: batch.checkpointSha256.toString('hex'),
    rowsRemoved: batch.removal !== null,
    checkpoint: batch.checkpoint,
  };
}

const filterQuery = {
  action: filterText.optional(),
  actor: filterText.trim().toLowerCase().optional(),
  resourceType: filterText.optional(),
  resourceId: filterText.optional(),
  repoKey: repoKeySchema.optional().describe('The repository that a row is about, also one that is deleted.'),
  since: moment.optional().describe('Inclusive.'),
  until: moment.optional().describe('Exclusive.'),
};

export function registerAuditRoutes(app: App, services: Services): void {
  registerProofRoutes(app, services);

  app.get(
    '/v1/audit',
    {
      config: { access: access.everywhere('admin') },
      schema: {
        tags: ['audit'],
        summary: 'Read the audit trail, newest first',
        querystring: z.object({ ...pageQuery, ...filterQuery }),
        response: answers({ 200: pageSchema(auditRowSchema) }),
      },
    },
    async (request) => {
      const { limit, cursor, ...filter } = request.query;
      const key = decodeCursor(cursor, ROW_ID_KEY);
      const before = key === undefined ? undefined : Number(key);
      const rows = await listAuditRows(services.db, callerOf(request).principal.tenantId, filter, before, limit + 1);
      return toPage(rows, limit, (row) => row.auditId, presentRow);
    },
  );

  app.get(
    '/v1/audit/follow',
    {
      config: { access: access.everywhere('admin') },
      schema: {
        tags: ['audit'],
        summary: 'Read on in the audit trail, oldest first, without missing a row',
        description:
          'Only rows of which none that comes before them can still be added. Without a cursor it starts at the present end, or, with since or until, at the beginning. The nextCursor goes on from there, now or later; it is never null.',
        querystring: z.object({ ...pageQuery, ...filterQuery }),
        response: answers({ 200: z.object({ items: z.array(auditRowSchema), nextCursor: z.string() }) }),
      },
    },
    async (request) => {
      const { limit, cursor, ...filter } = request.query;
      const page = await followAudit(services.db, callerOf(request).principal.tenantId, filter, cursor, limit);
      return { items: page.rows.map(presentRow), nextCursor: page.nextCursor };
    },
  );
}

/** What makes the trail provable: the chain of checkpoints, the proof of one row, all of it for keeping elsewhere. */
function registerProofRoutes(app: App, services: Services): void {
  app.get(
    '/v1/audit/checkpoints',
    {
      config: { access: access.everywhere('admin') },
      schema: {
        tags: ['audit'],
        summary: 'The signed checkpoints of the sealed trail, newest first',
        querystring: z.object(pageQuery),
        response: answers({ 200: pageSchema(checkpointSchema) }),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const key = decodeCursor(cursor, ROW_ID_KEY);
      const batches = await listBatches(services.db, key === undefined ? undefined : Number(key), limit + 1);
      return toPage(batches, limit, (batch) => batch.batchNumber, presentBatch);
    },
  );

  app.get(
    '/v1/audit/:auditId/proof',
    {
      config: { access: access.everywhere('admin') },
      schema: {
        tags: ['audit'],
        summary: 'Prove that a row is in the sealed trail',
        description:
          'The row, its path in the tree of its batch (RFC 6962), and the signed checkpoint. 409 for a row that is not sealed yet.',
        params: z.object({ auditId: z.string().regex(ROW_ID_KEY, 'must be the id of an audit row').transform(Number) }),
        response: answers({
          200: z.object({
            row: auditRowSchema,
            index: z.int(),
            path: z.array(z.string()),
            checkpoint: envelopeSchema,
          }),
        }),
      },
    },
    async (request) => await proveRow(services, callerOf(request).principal.tenantId, request.params.auditId),
  );

  app.get(
    '/v1/audit/export',
    {
      config: { access: access.everywhere('admin') },
      schema: {
        tags: ['audit'],
        summary: 'The sealed trail as NDJSON, oldest first, to be verified offline',
        querystring: z.object({
          fromBatch: z
            .string()
            .regex(/^[1-9]\d{0,14}$/, 'must be the number of a batch')
            .transform(Number)
            .optional()
            .describe('Go on from here: the nextBatch of an earlier export.'),
        }),
        response: answers({ 200: bodyOf('application/x-ndjson', 'A line of JSON for each row and each checkpoint.') }),
      },
    },
    async (request, reply) => {
      const lines = Readable.from(exportAudit(services, request.query.fromBatch ?? 1));
      return await reply.header('content-type', 'application/x-ndjson; charset=utf-8').send(lines);
    },
  );
}
