import type { Digest } from '../objects/digest.ts';
import type { ObjectKey } from '../objects/keys.ts';
import type { Services } from '../services.ts';

/** Reads an object whole. @returns its digest. */
export type ReadBack = (object: { key: ObjectKey; lengthBytes: number }) => Promise<Digest>;

export type FsckServices = Pick<Services, 'db' | 'objects' | 'clock' | 'settings'>;

/** Everything that a check can find. What it means, and what --repair does about it, stands in docs/operating.md. */
export type Problem =
  | 'object_missing'
  | 'object_corrupt'
  | 'damaged_but_sound'
  | 'still_damaged'
  | 'deletion_forgotten'
  | 'unreferenced_blob'
  | 'orphan_object'
  | 'orphan_multipart'
  | 'foreign_key';

export interface Finding {
  problem: Problem;
  /** A digest, or a key of the store. */
  subject: string;
  detail: string;
  repaired: boolean;
}

export interface FsckOptions {
  repair: boolean;
  /** Of the sound blobs, which share is read whole: from 0 to 1. Damaged ones always are. */
  readShare: number;
  /** Orphans younger than this are left alone: somebody may be at it. */
  graceMs: number;
}

export interface FsckReport {
  blobs: number;
  objects: number;
  multiparts: number;
  blobsRead: number;
  bytesRead: number;
  /** Held by nobody, and younger than the grace period. */
  young: number;
  findings: Finding[];
}
