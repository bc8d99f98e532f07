import type { Envelope } from '../src/client/index.ts';

/** What a receipt says of how a blob came into a repository. */
export interface Statement {
  readonly committedBy: string;
  readonly installation: string;
  readonly uploadId: string | null;
  readonly proof: string | null;
}

/** Reads the statement in a DSSE envelope; not its signature, which only who holds the public key apart can judge. */
export function readStatement({ payload }: Envelope): Statement {
  const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
  const parsed: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const predicate = fieldsOf(fieldsOf(parsed).predicate);
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  return {
    committedBy: text(predicate.committedBy),
    installation: text(predicate.installation),
    uploadId: typeof predicate.uploadId === 'string' ? predicate.uploadId : null,
    proof: typeof predicate.proof === 'string' ? predicate.proof : null,
  };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

const PROOFS: Readonly<Record<string, string>> = {
  store_checksum: 'by the store, as the bytes came in',
  full_read: 'by reading it back whole',
  streamed: 'by hashing it on its way through the server',
  deduped: 'earlier: the same bytes had been proved before',
};

export function proofOf(proof: string | null): string {
  return proof === null ? 'not recorded: it is older than that' : (PROOFS[proof] ?? proof);
}
