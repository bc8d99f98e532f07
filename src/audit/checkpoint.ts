import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../kernel/canonical-json.ts';

/** Media types of what is signed about the trail. */
export const CHECKPOINT_TYPE = 'application/vnd.artifortress.audit-checkpoint+json';
export const EPOCH_TYPE = 'application/vnd.artifortress.audit-epoch+json';
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
  /** SHA-256 of the payload of its epoch's statement; absent in batches from before there were epochs. */
  epoch: hash.optional(),
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

/** What is said where an epoch opens: which history of the database the batches from here on belong to, and behind which batch. */
const epochSchema = z.strictObject({
  installation: z.string(),
  /** From 1 on, without a gap. */
  epoch: z.int().min(1),
  previousEpoch: hash.nullable(),
  /** The last batch before it, and that one's checkpoint; 0 and null: none. What else had been sealed is not in this trail. */
  afterBatch: z.int().min(0),
  previousCheckpoint: hash.nullable(),
  /** `database`: it goes on on another timeline, or is another cluster; `declared`: an operator said so. */
  reason: z.enum(['first', 'database', 'declared']),
  note: z.string().nullable(),
  database: z.strictObject({ systemIdentifier: z.string(), timeline: z.int() }).nullable(),
  openedAtUtc: z.string(),
});
export type EpochStatement = z.output<typeof epochSchema>;

export function encodeStatement(statement: Checkpoint | Removal | EpochStatement): string {
  return canonicalJson(statement);
}

/** @throws where a signed payload is no checkpoint. */
export function parseCheckpoint(payload: Buffer): Checkpoint {
  return checkpointSchema.parse(JSON.parse(payload.toString('utf8')));
}

/** @throws where a signed payload is no statement of an epoch. */
export function parseEpoch(payload: Buffer): EpochStatement {
  return epochSchema.parse(JSON.parse(payload.toString('utf8')));
}

/** @throws where a signed payload is no removal. */
export function parseRemoval(payload: Buffer): Removal {
  return removalSchema.parse(JSON.parse(payload.toString('utf8')));
}

/** What names a statement: the next one holds it. */
export function hashCheckpoint(payload: string | Uint8Array): Buffer {
  return createHash('sha256').update(payload).digest();
}
