import { z } from 'zod';
import type { TenantId } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import type { Envelope } from '../kernel/dsse.ts';
import { toTimestamp } from '../kernel/parse.ts';
import type { Digest } from '../objects/digest.ts';
import type { Services } from '../services.ts';
import { PROOFS } from './model.ts';
import { findOrigin } from './store.ts';

/** Media type of an in-toto statement in a DSSE envelope (in-toto Attestation Framework, v1). */
export const RECEIPT_TYPE = 'application/vnd.in-toto+json';
const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
const PREDICATE_TYPE = 'urn:artifortress:custody-receipt:1';

/** An in-toto statement: this repository took these bytes into its keeping. */
const receiptSchema = z.object({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.tuple([z.object({ name: z.string(), digest: z.object({ sha256: z.string() }) })]),
  predicateType: z.literal(PREDICATE_TYPE),
  predicate: z.object({
    installation: z.string(),
    repository: z.string(),
    length: z.int(),
    committedBy: z.string(),
    committedAtUtc: z.string(),
    /** Null where the blob is older than this was written down. */
    uploadId: z.string().nullable(),
    proof: z.enum(PROOFS).nullable(),
  }),
});
export type Receipt = z.output<typeof receiptSchema>;

/**
 * The signed statement of how a blob came into a repository: what bytes, by whom, when, and how they were proved to be these. It is the same
 * for as long as the repository holds the blob, whoever pushes it again. @throws AppError `not_found`.
 */
export async function issueReceipt(
  { db, signer }: Pick<Services, 'db' | 'signer'>,
  tenantId: TenantId,
  repoKey: RepoKey,
  digest: Digest,
): Promise<Envelope> {
  const origin = await findOrigin(db, tenantId, repoKey, digest);
  const receipt: Receipt = {
    _type: STATEMENT_TYPE,
    subject: [{ name: `${repoKey}/${digest}`, digest: { sha256: digest } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      installation: signer.installationId,
      repository: repoKey,
      length: origin.lengthBytes,
      committedBy: origin.createdBy,
      committedAtUtc: toTimestamp(origin.createdAt),
      uploadId: origin.uploadId,
      proof: origin.proof,
    },
  };
  return signer.sign(RECEIPT_TYPE, canonicalJson(receipt));
}

/** @throws where a signed payload is no receipt. */
export function parseReceipt(payload: Buffer): Receipt {
  return receiptSchema.parse(JSON.parse(payload.toString('utf8')));
}
