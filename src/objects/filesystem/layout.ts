import { dirname, join } from 'node:path';
import { z } from 'zod';
import { brand } from '../../kernel/parse.ts';
import { type Digest, digestSchema } from '../digest.ts';
import type { ObjectKey } from '../keys.ts';
import type { MultipartId, StoredPart } from '../object-store.ts';

/**
 * What lies under the key `blobs/sha256/<2 hex>/<digest>/<uploadId>-<attempt>` of an attempt to upload an object:
 *
 *     <root>/blobs/sha256/<2 hex>/
 *       <digest>.<uploadId>-<attempt>.bytes      the object, where it came in one request
 *       <digest>.<uploadId>-<attempt>.incoming   those bytes on their way in, or what a crash left of them
 *       <digest>.<uploadId>-<attempt>.whole      the object, where it came as one part that had the declared digest
 *       <digest>.<uploadId>-<attempt>/           where it comes in parts; gone once there is a `.whole`
 *         part-<number>-<version>-<size>-<sha256>    immutable; a part sent again is a new file of a later version
 *         manifest.json                              the parts that are the object, once it is complete; written once
 *         manifest-<random>                          a manifest that is being written
 *         incoming-<random>                          bytes on their way in; once there is a manifest, what a crash left of them
 *
 * The object exists from the moment its `.bytes`, its `.whole` or its `manifest.json` does. The digest has no folder of its own: making one durable
 * would cost each upload two more syncs. Removing these removes everything, and what is still coming in finds no place to land.
 */
export const BYTES_SUFFIX = '.bytes';
export const INCOMING_SUFFIX = '.incoming';
export const WHOLE_SUFFIX = '.whole';
export const MANIFEST_NAME = 'manifest.json';
export const MANIFEST_DRAFT_PREFIX = 'manifest-';
export const INCOMING_PREFIX = 'incoming-';

/** A folder's multipart upload has no id of its own: the key is the upload's. Two first part requests at once share it. */
export const FOLDER_MULTIPART = brand<MultipartId>('folder');

const PART_NAME = /^part-(\d{5})-(\d{17})-(\d{1,16})-([0-9a-f]{64})$/;

/** The folder of an attempt in parts; with a suffix, its file where it is one. */
export function pathOf(root: string, key: ObjectKey): string {
  const digestFolder = dirname(key);
  return join(root, dirname(digestFolder), key.slice(dirname(digestFolder).length + 1).replace('/', '.'));
}

const ENTRY_NAME = /^([0-9a-f]{64})\.([0-9a-f-]+?)(\.bytes|\.whole|\.incoming)?$/;

/** The key of an entry of a folder of digests, and what it is of it; of what is none of ours, the entry's own path and no kind. */
export function keyOfEntry(
  digestsFolder: string,
  name: string,
): { key: string; kind: 'object' | 'incoming' | 'parts' | undefined } {
  const [, digest, attempt, suffix] = ENTRY_NAME.exec(name) ?? [];
  if (digest === undefined || attempt === undefined) return { key: join(digestsFolder, name), kind: undefined };
  const kind = suffix === undefined ? 'parts' : suffix === INCOMING_SUFFIX ? 'incoming' : 'object';
  return { key: join(digestsFolder, digest, attempt), kind };
}

export interface PartFile extends StoredPart {
  name: string;
  version: string;
  sha256: Digest;
}

export function partFile(partNumber: number, version: string, sizeBytes: number, sha256: Digest): PartFile {
  const name = `part-${String(partNumber).padStart(5, '0')}-${version}-${sizeBytes}-${sha256}`;
  return { name, partNumber, version, sizeBytes, sha256, etag: sha256 };
}

/** The parts among the names of a folder, in order; of a part sent again, the last version. */
export function currentParts(names: readonly string[]): PartFile[] {
  const latest = new Map<number, PartFile>();
  // Names sort by part and then by version, so that the last one seen is the one that counts.
  for (const name of [...names].sort()) {
    const [, number, version, size, sha256] = PART_NAME.exec(name) ?? [];
    if (number === undefined || version === undefined || size === undefined || sha256 === undefined) continue;
    const part = partFile(Number(number), version, Number(size), digestSchema.parse(sha256));
    latest.set(part.partNumber, part);
  }
  return [...latest.values()];
}

const manifestSchema = z.object({
  format: z.literal(1),
  lengthBytes: z.int().min(0),
  parts: z.array(
    z.object({
      name: z.string().regex(PART_NAME),
      partNumber: z.int(),
      sizeBytes: z.int().min(0),
      sha256: digestSchema,
    }),
  ),
});

export type Manifest = z.output<typeof manifestSchema>;

export function manifestOf(parts: readonly PartFile[]): Manifest {
  return {
    format: 1,
    lengthBytes: parts.reduce((sum, part) => sum + part.sizeBytes, 0),
    parts: parts.map(({ name, partNumber, sizeBytes, sha256 }) => ({ name, partNumber, sizeBytes, sha256 })),
  };
}

export function parseManifest(text: string): Manifest {
  return manifestSchema.parse(JSON.parse(text));
}
