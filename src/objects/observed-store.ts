import type { Tracer } from '../kernel/tracer.ts';
import { StoreError, type StoreErrorKind } from './errors.ts';
import type { FilesystemStore } from './filesystem/store.ts';
import type { ObjectStore } from './object-store.ts';

/** `failed`: with something that is no failure of a store, a bug or a body that broke off. */
type StoreOutcome = 'ok' | 'failed' | StoreErrorKind;

/** The calls that are watched. */
export const STORE_OPERATIONS = [
  'createMultipart',
  'listParts',
  'completeMultipart',
  'abortMultipart',
  'put',
  'receivePart',
  'open',
  'head',
  'purge',
  'ping',
] as const;

type StoreOperation = (typeof STORE_OPERATIONS)[number];

/** Told what the store was asked for, how it went, and how many bytes of artifacts came in which way. */
export interface StoreObserver {
  call(operation: StoreOperation, outcome: StoreOutcome, durationMs: number): void;
  received(path: 'put' | 'part' | 'presigned', bytes: number): void;
  presigned(kind: 'part' | 'download'): void;
}

/** Watches a call; what it answers and throws stays the same. */
type WatchCall = <Result>(operation: StoreOperation, call: () => Promise<Result>) => Promise<Result>;

function watchCalls(observer: StoreObserver, tracer: Tracer): WatchCall {
  return async (operation, call) => {
    const startedAt = performance.now();
    try {
      const result = await tracer.span(`store ${operation}`, {}, call);
      observer.call(operation, 'ok', performance.now() - startedAt);
      return result;
    } catch (error) {
      const outcome = error instanceof StoreError ? error.kind : 'failed';
      observer.call(operation, outcome, performance.now() - startedAt);
      throw error;
    }
  };
}

/** The store, with each call watched. Listings are walks of many calls and take as long as their reader does: they are passed on. */
function watchedStore(store: ObjectStore, watch: WatchCall): ObjectStore {
  return {
    driver: store.driver,
    capabilities: () => store.capabilities(),
    createMultipart: (key, options) => watch('createMultipart', () => store.createMultipart(key, options)),
    presignPart: (request) => store.presignPart(request),
    presignRead: (key, method, expiresAt) => store.presignRead(key, method, expiresAt),
    listParts: (key, id) => watch('listParts', () => store.listParts(key, id)),
    completeMultipart: (key, id, parts) => watch('completeMultipart', () => store.completeMultipart(key, id, parts)),
    abortMultipart: (key, id) => watch('abortMultipart', () => store.abortMultipart(key, id)),
    put: (key, body, lengthBytes) => watch('put', () => store.put(key, body, lengthBytes)),
    open: (key, range) => watch('open', () => store.open(key, range)),
    head: (key) => watch('head', () => store.head(key)),
    purge: (key) => watch('purge', () => store.purge(key)),
    listObjects: () => store.listObjects(),
    listMultiparts: () => store.listMultiparts(),
    ping: () => watch('ping', () => store.ping()),
  };
}

/** Measures the calls to a store, and counts what comes in. */
export function observedStore(inner: ObjectStore, observer: StoreObserver, tracer: Tracer): ObjectStore {
  const store = watchedStore(inner, watchCalls(observer, tracer));
  return {
    ...store,
    async presignPart(request) {
      observer.presigned('part');
      return await store.presignPart(request);
    },
    async presignRead(key, method, expiresAt) {
      const url = await store.presignRead(key, method, expiresAt);
      if (url !== undefined) observer.presigned('download');
      return url;
    },
    async completeMultipart(key, id, parts) {
      const object = await store.completeMultipart(key, id, parts);
      // The parts of the folder store came through this process and were counted then.
      if (store.driver === 's3') observer.received('presigned', object.lengthBytes);
      return object;
    },
    async put(key, body, lengthBytes) {
      const stored = await store.put(key, body, lengthBytes);
      observer.received('put', lengthBytes);
      return stored;
    },
  };
}

/** Takes the bytes that the part URLs of the folder store permit. */
export type PartReceiver = Pick<FilesystemStore, 'receivePart'>;

export function observedPartReceiver(store: PartReceiver, observer: StoreObserver, tracer: Tracer): PartReceiver {
  const watch = watchCalls(observer, tracer);
  return {
    async receivePart(permit, body, lengthBytes, stillOpen) {
      const received = await watch('receivePart', () => store.receivePart(permit, body, lengthBytes, stillOpen));
      observer.received('part', lengthBytes);
      return received;
    },
  };
}
