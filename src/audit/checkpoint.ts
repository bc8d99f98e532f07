import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../kernel/canonical-json.ts';

/** Media types of what is signed about the trail. */
export const CHECKPOINT_TYPE = 'application/vnd.artifortress.audit-checkpoint+json';
export const REMOVAL_TYPE = 'application/vnd.artifortress.audit-removal+json';

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** What a checkpoint says: these rows, in this order, come right behind everything that the checkpoint before says. */
const checkpointSchema = z.strictObject({
  installation: z.string(),
  /** From 1 on, without a gap. */
  batch: z.int().min(1),
  rows: z.int().min(1),
  /** Of the RFC 6962 tree over the batch's rows, each as canonical JSON (RFC 8785), by audit id. */
  rootHash: hash,
  /** SHA-256 of the payload of the checkpoint before; null for the first. */
  previousCheckpoint: hash.nullable(),
  sealedAtUtc: z.string(),
});
export type Checkpoint = z.output<typeof checkpointSchema>;

/** What is said of a batch whose rows were removed when their time was over. */
const removalSchema = z.strictObject({
  installation: z.string(),
  batch: z.int().min(1),
  checkpoint: hash,
  removedAtUtc: z.string(),
});
export type Removal = z.output<typeof removalSchema>;

export function encodeStatement(statement: Checkpoint | Removal): string {
  return canonicalJson(statement);
}

/** @throws where a signed payload is no checkpoint. */
export function parseCheckpoint(payload: Buffer): Checkpoint {
  return checkpointSchema.parse(JSON.parse(payload.toString('utf8')));
}

/** @throws where a signed payload is no removal. */
export function parseRemoval(payload: Buffer): Removal {
  return removalSchema.parse(JSON.parse(payload.toString('utf8')));
}

/** What names a checkpoint: the next one holds it. */
export function hashCheckpoint(payload: string | Uint8Array): Buffer {
  return createHash('sha256').update(payload).digest();
}
