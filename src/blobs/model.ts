import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';

/**
 * A blob's life. `condemned`: nothing refers to it, its object is removed once the delay is over. `deleting`: the object is being
 * removed. `damaged`: its object is missing or has other bytes.
 */
export type BlobState = 'live' | 'damaged' | 'condemned' | 'deleting';

/** Every legal transition of a blob; a test holds the drawing in `docs/state-machines.md` to it. */
export const BLOB_TRANSITIONS = {
  /** Its last reference is gone. */
  condemn: { from: ['live', 'damaged'], to: 'condemned' },
  /** Committed or deduplicated again, with the object still there. */
  revive: { from: ['condemned'], to: 'live' },
  /** Committed again, with bytes just verified, where its own object is damaged, going, or found missing: it now stands on the new one. */
  heal: { from: ['damaged', 'deleting', 'live', 'condemned'], to: 'live' },
  /** Its object was found missing, or with other bytes. */
  damage: { from: ['live'], to: 'damaged' },
  /** Its object was read whole again, and has the right bytes after all. */
  mend: { from: ['damaged'], to: 'live' },
  /** The delay is over and there is still no reference: from here on the object goes. */
  delete: { from: ['condemned', 'deleting'], to: 'deleting' },
} as const satisfies Record<string, { from: readonly BlobState[]; to: BlobState }>;

/** A blob as a repository that holds it knows it. `objectKey` is null for the blob of nothing. */
export interface Blob {
  digest: Digest;
  lengthBytes: number;
  state: BlobState;
  objectKey: ObjectKey | null;
}

/** That a repository holds a blob, since when and by whom. */
export interface BlobReference {
  referenceId: number;
  digest: Digest;
  lengthBytes: number;
  createdAt: Date;
  createdBy: string;
}

/**
 * How it was proved that a blob's bytes are those of its digest: the store checked them as they arrived, they were read back whole, they
 * were hashed on their way through the server, or the same bytes had been proved before.
 */
export const PROOFS = ['store_checksum', 'full_read', 'streamed', 'deduped'] as const;
export type Proof = (typeof PROOFS)[number];

/** Which repository takes a blob into its keeping, by which upload, on what proof. */
export interface Custody {
  repoId: number;
  uploadId: string;
  proof: Proof;
}
