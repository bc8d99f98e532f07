import { z } from 'zod';
import { envelopeSchema, openEnvelope } from '../kernel/dsse.ts';
import { auditPath, rootOfPath } from '../kernel/merkle-tree.ts';
import { CHECKPOINT_TYPE, type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { auditRowSchema, leafOf } from './present.ts';
import type { Keys, VerifiedBatch } from './verify-export.ts';

export const rowProofSchema = z.object({
  row: auditRowSchema,
  index: z.int().min(0),
  path: z.array(z.string().regex(/^[0-9a-f]{64}$/)),
  checkpoint: envelopeSchema,
});

export type RowProof = z.output<typeof rowProofSchema>;

/** The proof of a row of a batch that was verified; undefined where the batch has no such row. */
export function proofIn(
  { envelope, rows }: Pick<VerifiedBatch, 'envelope' | 'rows'>,
  auditId: string,
): RowProof | undefined {
  const index = rows.findIndex((row) => row.auditId === auditId);
  const row = rows[index];
  if (row === undefined) return undefined;
  const path = auditPath(rows.map(leafOf), index).map((hash) => hash.toString('hex'));
  return { row, index, path, checkpoint: envelope };
}

/** What the proof of a single row is worth. @returns the checkpoint that holds the row, or why it does not. */
export function verifyRowProof(proof: RowProof, keys: Keys): Checkpoint | string {
  const opened = openEnvelope(proof.checkpoint, CHECKPOINT_TYPE, keys);
  if (opened.kind === 'refused') return `the checkpoint is not signed by a trusted key (${opened.reason})`;
  const checkpoint = parseCheckpoint(opened.payload);
  const path = proof.path.map((hash) => Buffer.from(hash, 'hex'));
  const root = rootOfPath(leafOf(proof.row), proof.index, checkpoint.rows, path)?.toString('hex');
  return root === checkpoint.rootHash ? checkpoint : 'the row is not the one that was sealed';
}
