import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  HeadBucketCommand,
} from '@aws-sdk/client-s3';
import type { Clock } from '../../kernel/clock.ts';
import { messageOf } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/log.ts';
import { brand } from '../../kernel/parse.ts';
import { isStoreError, StoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import type { MultipartId, ObjectStore } from '../object-store.ts';
import { createClients, type S3Location } from './client.ts';
import { complete, listAllParts } from './complete.ts';
import { storeFailure, toStoreError } from './errors.ts';
import { headObject } from './head-object.ts';
import { KEYS_START_WITH, listMultiparts, listObjects } from './list.ts';
import { signPart, signRead, validityOf } from './presign.ts';
import { compositeSha256, type ProbeResult, probe } from './probe.ts';
import { putObject } from './put-object.ts';
import { createS3Reader } from './read-object.ts';

export interface S3StoreOptions {
  location: S3Location;
  /** Downloads and uploads by this process at the same time. */
  maximumBodies: number;
  clock: Clock;
  log: Logger;
}

export interface S3Store extends ObjectStore {
  close(): void;
}

/** Opens a store on a bucket. Nothing is asked of it before the first call: a store that is away now may be there soon. */
export function openS3Store({ location, maximumBodies, clock, log }: S3StoreOptions): S3Store {
  const { bucket, prefix } = location;
  const clients = createClients(location, maximumBodies);
  const { control } = clients;
  const reader = createS3Reader(clients.bodies, location);
  const encryption = encryptionOf(location);
  let probed: ProbeResult | undefined;
  let probing: Promise<ProbeResult> | undefined;

  /** What the store can do: found out once, by whoever needs it first. @throws StoreError while the store can't be asked. */
  const abilities = async (): Promise<ProbeResult> => {
    if (probed !== undefined) return probed;
    probing ??= probe({ clients, location, encryption }).finally(() => {
      probing = undefined;
    });
    const result = await probing;
    if (probed === undefined) {
      probed = result;
      const table = Object.fromEntries(
        result.capabilities.map(({ name, supported, detail, without }) => [
          name,
          supported ? 'yes' : `no (${detail}): ${without}`,
        ]),
      );
      log.info({ bucket, endpoint: location.endpoint ?? 'AWS', capabilities: table }, 'what the object store can do');
    }
    return result;
  };

  const createMultipart = async (key: ObjectKey, checksummed: boolean): Promise<MultipartId> => {
    const { features } = await abilities();
    const command = new CreateMultipartUploadCommand({
      Bucket: bucket,
      Key: prefix + key,
      ...encryption,
      ...(checksummed && features.partChecksums ? { ChecksumAlgorithm: 'SHA256' as const } : {}),
    });
    const { UploadId: id } = await control.send(command).catch((error: unknown) => {
      throw storeFailure(error, `starting the upload of ${key}`);
    });
    if (id === undefined) throw new StoreError('unavailable', 'the store gave a multipart upload no id');
    return brand<MultipartId>(id);
  };

  const completeMultipart: ObjectStore['completeMultipart'] = async (key, multipartId, parts) => {
    const { features } = await abilities();
    return await complete(control, location, features, key, multipartId, parts);
  };

  const abortMultipart = async (key: ObjectKey, multipartId: MultipartId): Promise<void> => {
    const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key: prefix + key, UploadId: multipartId });
    await control.send(command).catch((error: unknown) => {
      const failure = toStoreError(error, `aborting the upload of ${key}`);
      if (failure.kind !== 'upload_gone' && failure.kind !== 'object_not_found') throw failure;
    });
  };

  const removeAll = async (key: ObjectKey): Promise<void> => {
    for await (const { key: found, multipartId } of listMultiparts(control, location, key)) {
      if (found === key) await abortMultipart(key, multipartId);
    }
    await control.send(new DeleteObjectCommand({ Bucket: bucket, Key: prefix + key })).catch((error: unknown) => {
      const failure = toStoreError(error, `deleting ${key}`);
      if (failure.kind !== 'object_not_found') throw failure;
    });
  };

  return {
    driver: 's3',
    capabilities: () => probed?.capabilities ?? [],
    createMultipart: (key, { checksummed }) => createMultipart(key, checksummed),

    async presignPart({ key, multipartId, partNumber, expiresAt, sha256, sizeBytes }) {
      const { features } = await abilities();
      const url = await validityOf(clients.signing, clock.now(), expiresAt);
      const signed = await signPart(clients.signing, location, {
        key,
        multipartId,
        partNumber,
        validity: url.validity,
        sizeBytes,
        sha256:
          sha256 === undefined || !features.partChecksums ? undefined : Buffer.from(sha256, 'hex').toString('base64'),
      });
      return { ...signed, expiresAt: url.expiresAt };
    },

    async presignRead(key, method, expiresAt) {
      const { validity } = await validityOf(clients.signing, clock.now(), expiresAt);
      return await signRead(clients.signing, location, key, method, validity);
    },

    async listParts(key, multipartId) {
      const { features } = await abilities();
      if (!features.listParts) return [];
      const parts = await listAllParts(control, location, key, multipartId);
      return parts.map(({ partNumber, sizeBytes, etag }) => ({ partNumber, sizeBytes, etag }));
    },

    completeMultipart,
    abortMultipart,

    async put(key, body, lengthBytes) {
      try {
        return await putObject(clients.bodies, location, encryption, key, body, lengthBytes, {
          start: () => createMultipart(key, false),
          complete: (multipartId, parts) => completeMultipart(key, multipartId, parts),
        });
      } catch (error) {
        // Best effort: the session's clean-up job does it again, also for what lands only now.
        await removeAll(key).catch((failure: unknown) =>
          log.warn({ key, error: messageOf(failure) }, 'what a failed upload left could not be removed yet'),
        );
        throw error;
      }
    },

    open: (key, range) => reader.open(key, range),

    async head(key) {
      const { lengthBytes, sha256 } = await headObject(control, location, key);
      return {
        lengthBytes,
        vouchesFor: (digest) => probed?.features.partChecksums === true && sha256 === compositeSha256(digest),
      };
    },

    purge: removeAll,
    listObjects: () => listObjects(control, location),
    listMultiparts: () => listMultiparts(control, location, KEYS_START_WITH),

    async ping() {
      try {
        await control.send(new HeadBucketCommand({ Bucket: bucket }));
      } catch (error) {
        const failure = toStoreError(error, `the bucket ${bucket}`);
        throw explainBucket(failure, bucket);
      }
      await abilities();
    },

    close() {
      reader.close();
      clients.close();
    },
  };
}

function encryptionOf({ serverSideEncryption, kmsKeyId }: S3Location) {
  if (serverSideEncryption === undefined) return {};
  return {
    ServerSideEncryption: serverSideEncryption,
    ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }),
  };
}

/** An answer to HEAD has no body that could say what is wrong. */
function explainBucket(failure: unknown, bucket: string): unknown {
  if (isStoreError(failure, 'object_not_found')) {
    const message = `there is no bucket ${bucket}: make it, or mend ARTIFORTRESS_S3_BUCKET`;
    return new StoreError('unavailable', message, failure);
  }
  if (!isStoreError(failure, 'access_denied')) return failure;
  const message = `the store refuses access to the bucket ${bucket}: check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), their policy, and the clock of this machine`;
  return new StoreError('access_denied', message, failure);
}
