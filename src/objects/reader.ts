import { createFolderReader } from './filesystem/read-object.ts';
import type { ObjectStore } from './object-store.ts';
import { createBodyClient, type S3Location } from './s3/client.ts';
import { createS3Reader } from './s3/read-object.ts';

/** Where objects lie, in a form that can be handed to a worker thread. */
export type StoreLocation = { driver: 'filesystem'; root: string } | { driver: 's3'; s3: S3Location };

/** One object at a time is what each worker thread reads. */
const SOCKETS = 2;

/** Opens what is needed to read objects, and no more. */
export function openReader(location: StoreLocation): Pick<ObjectStore, 'open'> {
  return location.driver === 'filesystem'
    ? createFolderReader(location.root)
    : createS3Reader(createBodyClient(location.s3, SOCKETS), location.s3);
}
