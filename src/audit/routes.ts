import { z } from 'zod';
import { type App, access, callerOf } from '../http/app.ts';
import { answers } from '../http/schemas.ts';
import { decodeCursor, pageQuery, pageSchema, ROW_ID_KEY, toPage } from '../kernel/page.ts';
import { PRINTABLE, toTimestamp } from '../kernel/parse.ts';
import type { Services } from '../services.ts';
import { type AuditRow, listAuditRows } from './store.ts';

const auditRowSchema = z.object({
  auditId: z.string(),
  tenantId: z.string(),
  actor: z.string(),
  action: z.string(),
  resourceType: z.string(),
  resourceId: z.string(),
  repoKey: z.string().nullable(),
  occurredAtUtc: z.string(),
  requestId: z.string().nullable(),
  details: z.record(z.string(), z.unknown()),
});

const filterText = z.string().min(1).max(512).regex(PRINTABLE, 'must have no control characters');

/** RFC 3339, any offset. */
const moment = z.iso
  .datetime({ offset: true, error: 'must be an RFC 3339 time such as 2026-01-31T12:00:00Z' })
  .transform((text) => new Date(text));

function presentRow({ auditId, occurredAt, ...row }: AuditRow): z.input<typeof auditRowSchema> {
  return { auditId: String(auditId), ...row, occurredAtUtc: toTimestamp(occurredAt) };
}

export function registerAuditRoutes(app: App, services: Services): void {
  app.get(
    '/v1/audit',
    {
      config: { access: access.everywhere('admin') },
      schema: {
        tags: ['audit'],
        summary: 'Read the audit trail, newest first',
        querystring: z.object({
          ...pageQuery,
          action: filterText.optional(),
          actor: filterText.optional(),
          resourceType: filterText.optional(),
          resourceId: filterText.optional(),
          since: moment.optional().describe('Inclusive.'),
          until: moment.optional().describe('Exclusive.'),
        }),
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
}
