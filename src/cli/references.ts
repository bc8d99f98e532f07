import { parseDigest } from '../client/digest.ts';
import { UsageError } from './failures.ts';

export interface BlobReference {
  readonly repoKey: string;
  readonly digest: string;
}

export interface UploadReference {
  readonly repoKey: string;
  readonly uploadId: string;
}

function split(reference: string, wanted: string): readonly [string, string] {
  const slash = reference.indexOf('/');
  const repoKey = reference.slice(0, Math.max(0, slash));
  const rest = reference.slice(slash + 1);
  if (repoKey === '' || rest === '' || rest.includes('/')) {
    throw new UsageError(`"${reference}" is not ${wanted}.`);
  }
  return [repoKey, rest];
}

/** `<repo>/<digest>`, with or without `sha256:`. */
export function parseBlobReference(reference: string): BlobReference {
  const [repoKey, digest] = split(reference, 'a blob: give <repository>/<digest>');
  return { repoKey, digest: parseDigest(digest) };
}

/** `<repo>/<upload id>`. */
export function parseUploadReference(reference: string): UploadReference {
  const [repoKey, uploadId] = split(reference, 'an upload: give <repository>/<upload id>');
  return { repoKey, uploadId };
}
