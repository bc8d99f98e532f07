import { join } from 'node:path';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import type { Settings } from '../kernel/settings.ts';
import { createPartUrlSigner, type PartUrlSigner } from './filesystem/part-url.ts';
import { type FilesystemStore, openFilesystemStore } from './filesystem/store.ts';
import type { ObjectStore } from './object-store.ts';
import type { StoreLocation } from './reader.ts';
import { bucketAddresses } from './s3/bucket-addresses.ts';
import type { S3Location } from './s3/client.ts';
import { openS3Store } from './s3/store.ts';
import { loadSigningKey } from './signing-key.ts';

export interface OpenedStore {
  store: ObjectStore;
  location: StoreLocation;
  /** Where the part URLs point at this server. */
  partContent: { store: FilesystemStore; signer: PartUrlSigner } | undefined;
  /** Where part URLs point that are not this server's: one address for each way that the bucket may be named by. */
  uploadOrigins: readonly string[];
  close(): void;
}

interface OpenOptions {
  settings: Settings;
  clock: Clock;
  ids: Ids;
  log: Logger;
  publicUrl: () => string;
}

/** Opens the store of the settings: a bucket where one is named, else the folder under the data folder. */
export async function openStore({ settings, clock, ids, log, publicUrl }: OpenOptions): Promise<OpenedStore> {
  if (settings.s3Bucket !== undefined) {
    const s3 = s3Location(settings, settings.s3Bucket);
    const maximumBodies = settings.maximumDownloads + settings.maximumStreamedUploads;
    const store = openS3Store({ location: s3, maximumBodies, clock, log });
    return {
      store,
      location: { driver: 's3', s3 },
      partContent: undefined,
      uploadOrigins: bucketAddresses(s3),
      close: () => store.close(),
    };
  }
  const root = join(settings.dataDirectory, 'objects');
  const signingKey = await loadSigningKey(join(settings.dataDirectory, 'keys', 'part-url.key'));
  const signer = createPartUrlSigner(signingKey, publicUrl);
  const store = await openFilesystemStore({ root, signer, clock, ids });
  return {
    store,
    location: { driver: 'filesystem', root },
    partContent: { store, signer },
    uploadOrigins: [],
    close: () => undefined,
  };
}

function s3Location(settings: Settings, bucket: string): S3Location {
  return {
    bucket,
    endpoint: settings.s3Endpoint,
    publicEndpoint: settings.s3PublicEndpoint,
    region: settings.s3Region,
    forcePathStyle: settings.s3ForcePathStyle,
    prefix: settings.s3Prefix,
    caFile: settings.s3CaFile,
    verifyTls: settings.s3VerifyTls,
    serverSideEncryption: settings.s3ServerSideEncryption,
    kmsKeyId: settings.s3KmsKeyId,
    connectTimeoutMs: settings.s3ConnectTimeoutMs,
    requestTimeoutMs: settings.s3RequestTimeoutMs,
    maximumAttempts: settings.s3MaximumAttempts,
  };
}
