import { createFolderReader } from './filesystem/read-object.ts';
import type { ObjectStore } from './object-store.ts';

/** Where objects lie, in a form that can be handed to a worker thread. */
export type StoreLocation = { driver: 'filesystem'; root: string };

/** Opens what is needed to read objects, and no more. */
export function openReader(location: StoreLocation): Pick<ObjectStore, 'open'> {
  return createFolderReader(location.root);
}
