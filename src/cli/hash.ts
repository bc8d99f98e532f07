import { createHash } from 'node:crypto';
import type { IncrementalHash } from '../client/sha256.ts';

/** Node's own SHA-256, which uses the processor's instructions for it. */
export function createNodeHash(): IncrementalHash {
  const hash = createHash('sha256');
  return { update: (bytes) => hash.update(bytes), digestHex: () => hash.digest('hex') };
}
