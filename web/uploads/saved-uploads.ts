/**
 * What has to be known of an upload to go on with it after the page was closed. The server knows the rest: which parts it has. No token is
 * in it, and nothing of the file's content.
 */
export interface SavedUpload {
  readonly id: string;
  /** The server and the subject whose upload it is: nobody else sees it. */
  readonly serverUrl: string;
  readonly subject: string;
  readonly repoKey: string;
  /** Of the file, to know it again by. */
  readonly name: string;
  readonly size: number;
  readonly lastModified: number;
  /** Null until the file has been hashed. */
  readonly digest: string | null;
  /** Null until the session is open. */
  readonly uploadId: string | null;
  readonly partSizeBytes: number | null;
  /** The file itself, in browsers that can keep hold of one; they ask before it is read again. */
  readonly handle: FileSystemFileHandle | null;
}

const DATABASE = 'artifortress';
const STORE = 'uploads';

/** IndexedDB, which can keep file handles. Where a browser has none (some private windows), nothing is kept, and nothing fails. */
export interface SavedUploads {
  list(): Promise<readonly SavedUpload[]>;
  put(upload: SavedUpload): Promise<void>;
  remove(id: string): Promise<void>;
}

export function openSavedUploads(): SavedUploads {
  let opening: Promise<IDBDatabase | null> | undefined;
  const open = (): Promise<IDBDatabase | null> => {
    opening ??= new Promise((resolve) => {
      const request = indexedDB.open(DATABASE, 1);
      request.addEventListener('upgradeneeded', () => {
        request.result.createObjectStore(STORE, { keyPath: 'id' });
      });
      request.addEventListener('success', () => resolve(request.result));
      request.addEventListener('error', () => resolve(null));
    });
    return opening;
  };

  async function run<Result>(
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => IDBRequest<Result>,
  ): Promise<Result | null> {
    const database = await open();
    if (database === null) return null;
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      transaction.addEventListener('complete', () => resolve(request.result));
      const fail = (): void =>
        reject(transaction.error ?? new Error('the browser could not keep the state of the upload'));
      transaction.addEventListener('abort', fail);
      transaction.addEventListener('error', fail);
    });
  }

  return {
    list: async () => {
      const kept: unknown[] = (await run('readonly', (store) => store.getAll())) ?? [];
      return kept.filter(isSavedUpload);
    },
    put: async (upload) => {
      await run('readwrite', (store) => store.put(upload));
    },
    remove: async (id) => {
      await run('readwrite', (store) => store.delete(id));
    },
  };
}

/** Only this page writes there; an older version of it may have kept something else. */
function isSavedUpload(value: unknown): value is SavedUpload {
  return typeof value === 'object' && value !== null && 'partSizeBytes' in value && 'handle' in value;
}

const lockName = (id: string): string => `artifortress-upload-${id}`;

/**
 * Marks an upload as this tab's own until `released` settles, so that another tab does not offer to go on with it. Browsers have locks only
 * for pages that came over HTTPS or from this machine; elsewhere there are none.
 */
export function holdUpload(id: string, released: Promise<void>): void {
  if (!('locks' in navigator)) return;
  void navigator.locks.request(lockName(id), { ifAvailable: true }, () => released);
}

/** The ids of the uploads that some tab is at work on. */
export async function heldUploads(): Promise<ReadonlySet<string>> {
  if (!('locks' in navigator)) return new Set();
  const { held = [] } = await navigator.locks.query();
  return new Set(held.flatMap(({ name }) => (name === undefined ? [] : [name.replace(lockName(''), '')])));
}
