import { mkdir, readdir, rename, statfs, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Clock } from '../../kernel/clock.ts';
import type { Ids } from '../../kernel/ids.ts';
import { StoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import type { ObjectStore } from '../object-store.ts';
import { completeObject } from './complete.ts';
import { syncFolder, toStoreError } from './files.ts';
import { makeFanOut, purge } from './folders.ts';
import {
  BYTES_SUFFIX,
  currentParts,
  FOLDER_MULTIPART,
  INCOMING_PREFIX,
  INCOMING_SUFFIX,
  MANIFEST_DRAFT_PREFIX,
  MANIFEST_NAME,
  partFile,
  pathOf,
} from './layout.ts';
import { listMultiparts, listObjects } from './list.ts';
import type { PartPermit, PartUrlSigner } from './part-url.ts';
import { createFolderReader, inspectObject } from './read-object.ts';
import { writeIncoming } from './write-body.ts';

/** What S3 stores are asked for, this one has by construction. */
const CAPABILITIES = [
  'part checksums',
  'multipart upload',
  'presigned part URL',
  'list of parts',
  'checksum of the object',
  'ranges',
  'conditional completion',
].map((name) => ({ name, supported: true, detail: '', without: '' }));

export interface FilesystemStore extends ObjectStore {
  /**
   * Takes the bytes that a part URL permits: to a new file, synced, then renamed to the part's name, so that a part never lacks bytes.
   * Its folder is synced by completion: a power cut before that may leave the upload without the part, which is then asked for again.
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
  const nextVersion = monotonicVersions(clock);

  const names = async (key: ObjectKey): Promise<string[]> => {
    try {
      return await readdir(pathOf(root, key));
    } catch (error) {
      throw toStoreError(error, 'upload_gone', 'the upload');
    }
  };

  return {
    driver: 'filesystem',
    capabilities: () => CAPABILITIES,

    async createMultipart(key) {
      await mkdir(pathOf(root, key), { recursive: true, mode: 0o750 }).catch((error: unknown) => {
        throw toStoreError(error, 'unavailable', 'the object folder');
      });
      return FOLDER_MULTIPART;
    },

    presignPart: async (request) => signer.sign(request),

    // No client can reach the folder.
    presignRead: async () => undefined,

    async receivePart(permit, body, lengthBytes, stillOpen) {
      const folder = pathOf(root, permit.key);
      const incoming = await writeIncoming(join(folder, incomingName()), body, lengthBytes);
      try {
        if (permit.sha256 !== undefined && permit.sha256 !== incoming.sha256) {
          throw new StoreError(
            'checksum_mismatch',
            `the part has the SHA-256 ${incoming.sha256}, and ${permit.sha256} was announced`,
          );
        }
        const [open] = await Promise.all([stillOpen(), incoming.sync()]);
        if (!open) throw new StoreError('upload_gone', 'the upload was completed or ended meanwhile');
        const part = partFile(permit.partNumber, nextVersion(), incoming.sizeBytes, incoming.sha256);
        await rename(incoming.path, join(folder, part.name));
        return { etag: part.etag };
      } catch (error) {
        await unlink(incoming.path).catch(() => undefined);
        throw toStoreError(error, 'upload_gone', 'the upload');
      } finally {
        await incoming.close();
      }
    },

    async listParts(key) {
      const found = await names(key);
      if (found.includes(MANIFEST_NAME)) throw new StoreError('upload_gone', 'the upload was completed');
      return currentParts(found).map(({ partNumber, sizeBytes, etag }) => ({ partNumber, sizeBytes, etag }));
    },

    completeMultipart: (key, _multipartId, wanted) =>
      completeObject(root, key, wanted, `${MANIFEST_DRAFT_PREFIX}${random()}`),

    abortMultipart: (key) => purge(root, key),

    async put(key, body, lengthBytes) {
      const path = pathOf(root, key);
      try {
        const incoming = await writeIncoming(path + INCOMING_SUFFIX, body, lengthBytes);
        try {
          await rename(incoming.path, path + BYTES_SUFFIX);
          // One round for both: until the caller is told, nobody looks for this object, whole or not.
          await Promise.all([incoming.sync(), syncFolder(dirname(path))]);
        } finally {
          await incoming.close();
        }
        return { sha256: incoming.sha256 };
      } catch (error) {
        await purge(root, key);
        throw toStoreError(error, 'upload_gone', 'the upload');
      }
    },

    open: (key, range) => objects.open(key, range),

    async head(key) {
      const { lengthBytes, sha256 } = await inspectObject(root, key);
      return { lengthBytes, vouchesFor: (digest) => sha256 === digest };
    },

    async purge(key) {
      objects.forget(key);
      await purge(root, key);
    },

    listObjects: () => listObjects(root),
    listMultiparts: () => listMultiparts(root),

    async ping() {
      await statfs(root).catch((error: unknown) => {
        throw toStoreError(error, 'unavailable', 'the object folder');
      });
    },
  };
}

/** 17 digits that grow with each call: microseconds by the clock, or one more than the last. */
function monotonicVersions(clock: Clock): () => string {
  let last = 0;
  return () => {
    last = Math.max(last + 1, clock.now().getTime() * 1000);
    return String(last).padStart(17, '0');
  };
}
