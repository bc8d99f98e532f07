import { z } from 'zod';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { hashLeaf } from '../kernel/merkle-tree.ts';
import { toTimestamp } from '../kernel/parse.ts';
import type { AuditRow } from './model.ts';

/** A row as clients see it, and, in canonical form, as it is sealed (contract, "Audit"). */
export const auditRowSchema = z.object({
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
export type PresentedRow = z.output<typeof auditRowSchema>;

export function presentRow({ auditId, occurredAt, ...row }: AuditRow): PresentedRow {
  return { auditId: String(auditId), ...row, occurredAtUtc: toTimestamp(occurredAt) };
}

/** The leaf that stands for a row in the tree of its batch. */
export function leafOf(row: PresentedRow): Buffer {
  return hashLeaf(canonicalJson(row));
}
