import type { Artifortress } from '../client/artifortress.ts';
import { ArtifortressError } from '../client/errors.ts';
import type { BlobRecord } from '../client/types.ts';
import type { BlobReference } from './references.ts';

/**
 * A blob's entry in its repository. In the list rather than by a HEAD: it knows since when and by whom, and a refusal comes with
 * its reason.
 * @throws ArtifortressError `not_found` where the repository does not hold it.
 */
export async function findBlob(
  client: Artifortress,
  { repoKey, digest }: BlobReference,
  signal: AbortSignal,
): Promise<BlobRecord> {
  const { items } = await client.blobs.list(repoKey, { prefix: digest, limit: 1, signal });
  const blob = items[0];
  if (blob !== undefined) return blob;
  const message = `The repository ${repoKey} holds no blob ${digest}.`;
  throw new ArtifortressError({ code: 'not_found', message, status: 404 });
}
