import { mkdir, readdir, rename, rm, rmdir, statfs, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '../../kernel/clock.ts';
import type { Ids } from '../../kernel/ids.ts';
import { brand } from '../../kernel/parse.ts';
import { isStoreError, StoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import { type CompletedObject, type MultipartId, type ObjectStore, PART_LIMITS } from '../object-store.ts';
import { codeOf, foldersUpTo, syncFolder, toStoreError, writeDurably, writeOnce } from './files.ts';
import {
  currentParts,
  folderOf,
  INCOMING_PREFIX,
  MANIFEST_DRAFT_PREFIX,
  MANIFEST_NAME,
  type Manifest,
  manifestOf,
  type PartFile,
  partFile,
} from './layout.ts';
import type { PartPermit, PartUrlSigner } from './part-url.ts';
import { createFolderReader } from './read-object.ts';
import { writeIncoming } from './write-body.ts';

/** A folder's multipart upload has no id of its own: the key is the upload's. Two first part requests at once share it. */
const MULTIPART_ID = brand<MultipartId>('folder');

export interface FilesystemStore extends ObjectStore {
  /**
   * Takes the bytes that a part URL permits: to a new file, synced, then renamed to the part's name, its folder synced.
   * `stillOpen` is asked last, when all bytes are there: a part that comes after complete or abort changes nothing.
   * @throws StoreError `checksum_mismatch`, `wrong_length`, `upload_gone`; nothing is left in any of these cases.
   */
  receivePart(
    permit: PartPermit,
    body: Readable,
    lengthBytes: number,
    stillOpen: () => Promise<boolean>,
  ): Promise<{ etag: string }>;
}

export interface FilesystemStoreOptions {
  root: string;
  signer: PartUrlSigner;
  clock: Clock;
  ids: Ids;
}

/** Opens the folder store, making its folders durably where they are new. */
export async function openFilesystemStore({
  root,
  signer,
  clock,
  ids,
}: FilesystemStoreOptions): Promise<FilesystemStore> {
  await makeFanOut(root);
  const objects = createFolderReader(root);
  const random = () => ids.randomBytes(8).toString('hex');
  const incomingName = () => `${INCOMING_PREFIX}${random()}`;
  const draftName = () => `${MANIFEST_DRAFT_PREFIX}${random()}`;
  const nextVersion = monotonicVersions(clock);

  /** The folder of an attempt, of its digest, and of the digests that start alike. */
  const syncUpwards = async (folder: string): Promise<void> => {
    await Promise.all(foldersUpTo(folder, fanOutOf(root)).map(syncFolder));
  };

  /** From here on the object exists, durably. @returns false where another completion was first. */
  const publish = async (key: ObjectKey, manifest: Manifest): Promise<boolean> => {
    const folder = folderOf(root, key);
    const first = await writeOnce(join(folder, MANIFEST_NAME), join(folder, draftName()), JSON.stringify(manifest));
    await syncUpwards(folder);
    return first;
  };

  const names = async (key: ObjectKey): Promise<string[]> => {
    try {
      return await readdir(folderOf(root, key));
    } catch (error) {
      throw toStoreError(error, 'upload_gone', 'the upload');
    }
  };

  return {
    driver: 'filesystem',

    async createMultipart(key) {
      await mkdir(folderOf(root, key), { recursive: true, mode: 0o750 }).catch((error: unknown) => {
        throw toStoreError(error, 'unavailable', 'the object folder');
      });
      return MULTIPART_ID;
    },

    presignPart: async (request) => signer.sign(request),

    async receivePart(permit, body, lengthBytes, stillOpen) {
      const folder = folderOf(root, permit.key);
      const incoming = await writeIncoming(join(folder, incomingName()), body, lengthBytes);
      try {
        if (permit.sha256 !== undefined && permit.sha256 !== incoming.sha256) {
          throw new StoreError(
            'checksum_mismatch',
            `the part has the SHA-256 ${incoming.sha256}, and ${permit.sha256} was announced`,
          );
        }
        await incoming.sync();
        if (!(await stillOpen())) throw new StoreError('upload_gone', 'the upload was completed or ended meanwhile');
        const part = partFile(permit.partNumber, nextVersion(), incoming.sizeBytes, incoming.sha256);
        await rename(incoming.path, join(folder, part.name));
        await syncFolder(folder);
        return { etag: part.etag };
      } catch (error) {
        await unlink(incoming.path).catch(() => undefined);
        throw toStoreError(error, 'upload_gone', 'the upload');
      } finally {
        await incoming.close();
      }
    },

    async listParts(key) {
      const parts = currentParts(await names(key));
      return parts.map(({ partNumber, sizeBytes, etag }) => ({ partNumber, sizeBytes, etag }));
    },

    async completeMultipart(key, _multipartId, wanted) {
      const found = await names(key);
      if (!found.includes(MANIFEST_NAME)) {
        const parts = selectParts(currentParts(found), wanted);
        const published = await publish(key, manifestOf(parts)).catch((error: unknown) => {
          throw toStoreError(error, 'upload_gone', 'the upload');
        });
        if (published) await removeUnused(folderOf(root, key), found, parts);
      }
      const manifest = await objects.manifest(key).catch((error: unknown) => {
        throw isStoreError(error, 'object_not_found')
          ? new StoreError('upload_gone', 'the upload was removed', error)
          : error;
      });
      if (!sameParts(manifest, wanted)) {
        throw new StoreError('upload_gone', 'the upload was completed with other parts');
      }
      return completedObject(manifest);
    },

    abortMultipart: (key) => purge(root, key),

    async put(key, body, lengthBytes) {
      const folder = folderOf(root, key);
      await mkdir(folder, { recursive: true, mode: 0o750 }).catch((error: unknown) => {
        throw toStoreError(error, 'unavailable', 'the object folder');
      });
      try {
        const incoming = await writeIncoming(join(folder, incomingName()), body, lengthBytes);
        const part = partFile(1, nextVersion(), incoming.sizeBytes, incoming.sha256);
        const manifest = join(folder, draftName());
        try {
          await Promise.all([incoming.sync(), writeDurably(manifest, JSON.stringify(manifestOf([part])))]);
        } finally {
          await incoming.close();
        }
        await rename(incoming.path, join(folder, part.name));
        // Nobody else completes this key, so there is no manifest to spare.
        await rename(manifest, join(folder, MANIFEST_NAME));
        await syncUpwards(folder);
        return { sha256: incoming.sha256 };
      } catch (error) {
        await purge(root, key);
        throw toStoreError(error, 'upload_gone', 'the upload');
      }
    },

    open: (key, range) => objects.open(key, range),

    async head(key) {
      const { lengthBytes } = await objects.manifest(key);
      return { lengthBytes };
    },

    async purge(key) {
      objects.forget(key);
      await purge(root, key);
    },

    async ping() {
      await statfs(root).catch((error: unknown) => {
        throw toStoreError(error, 'unavailable', 'the object folder');
      });
    },
  };
}

function fanOutOf(root: string): string {
  return join(root, 'blobs', 'sha256');
}

/** All 256 first folders, made once and synced, so that no upload has to make one durable. */
async function makeFanOut(root: string): Promise<void> {
  const fanOut = fanOutOf(root);
  const created = await mkdir(fanOut, { recursive: true, mode: 0o750 });
  const present = new Set(await readdir(fanOut));
  for (let prefix = 0; prefix < 256; prefix += 1) {
    const name = prefix.toString(16).padStart(2, '0');
    if (!present.has(name)) await mkdir(join(fanOut, name), { recursive: true, mode: 0o750 });
  }
  if (present.size < 256) await syncFolder(fanOut);
  if (created !== undefined) await Promise.all(foldersUpTo(fanOut, dirname(dirname(root))).map(syncFolder));
}

/** 17 digits that grow with each call: microseconds by the clock, or one more than the last. */
function monotonicVersions(clock: Clock): () => string {
  let last = 0;
  return () => {
    last = Math.max(last + 1, clock.now().getTime() * 1000);
    return String(last).padStart(17, '0');
  };
}

function selectParts(
  current: readonly PartFile[],
  wanted: readonly { partNumber: number; etag: string }[],
): PartFile[] {
  const byNumber = new Map(current.map((part) => [part.partNumber, part]));
  return wanted.map(({ partNumber, etag }, index) => {
    const part = byNumber.get(partNumber);
    if (part === undefined) throw new StoreError('invalid_part', `part ${partNumber} was not uploaded`);
    if (part.etag !== etag) throw new StoreError('invalid_part', `part ${partNumber} has another ETag: "${part.etag}"`);
    const last = index === wanted.length - 1;
    if (!last && part.sizeBytes < PART_LIMITS.minimumBytes) {
      throw new StoreError(
        'invalid_part',
        `part ${partNumber} has ${part.sizeBytes} bytes; all but the last need at least ${PART_LIMITS.minimumBytes}`,
      );
    }
    return part;
  });
}

function sameParts(manifest: Manifest, wanted: readonly { partNumber: number; etag: string }[]): boolean {
  return (
    manifest.parts.length === wanted.length &&
    manifest.parts.every(
      (part, index) => part.partNumber === wanted[index]?.partNumber && part.sha256 === wanted[index]?.etag,
    )
  );
}

function completedObject({ lengthBytes, parts }: Manifest): CompletedObject {
  const [first, second] = parts;
  return {
    lengthBytes,
    parts: parts.map(({ partNumber, sizeBytes, sha256 }) => ({ partNumber, sizeBytes, etag: sha256 })),
    sha256: second === undefined ? first?.sha256 : undefined,
  };
}

/**
 * Versions that were replaced, parts that were left out, and what was still coming in or never came in whole: from now on it would
 * be refused. What can't be removed now goes with the folder some day.
 */
async function removeUnused(folder: string, found: readonly string[], used: readonly PartFile[]): Promise<void> {
  const keep = new Set([MANIFEST_NAME, ...used.map((part) => part.name)]);
  const isBytes = (name: string) => name.startsWith('part-') || name.startsWith(INCOMING_PREFIX);
  const unused = found.filter((name) => isBytes(name) && !keep.has(name));
  await Promise.all(unused.map((name) => unlink(join(folder, name)).catch(() => undefined)));
}

async function purge(root: string, key: ObjectKey): Promise<void> {
  const folder = folderOf(root, key);
  try {
    // The manifest first: an object must never be seen that lacks a part.
    await unlink(join(folder, MANIFEST_NAME)).catch((error: unknown) => {
      if (codeOf(error) !== 'ENOENT') throw error;
    });
    // Retried, since a part may be landing at this very moment.
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    // The digest's folder too, unless another upload of the same bytes is in it.
    await rmdir(dirname(folder)).catch(() => undefined);
  } catch (error) {
    const failure = toStoreError(error, 'object_not_found', 'the object');
    if (!isStoreError(failure, 'object_not_found')) throw failure;
  }
}
