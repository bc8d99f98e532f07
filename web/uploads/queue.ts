import { ArtifortressError } from '../../src/client/index.ts';
import { asError, isSignedOut } from '../failures.ts';
import { SERVER_URL, type Session } from '../session.ts';
import type { UploadItem, UploadQueue } from './queue-types.ts';
import { heldUploads, holdUpload, openSavedUploads, type SavedUpload } from './saved-uploads.ts';
import type { TransferPhase } from './transfer.ts';
import { transferPatiently } from './transfer-patiently.ts';
import { createWorkerStarter } from './worker-starter.ts';

/** Files on their way at the same time: each has several parts in flight of its own. */
const MOST_AT_ONCE = 2;
/** Progress is shown this often at the most. */
const NOTIFY_MS = 100;

interface Running {
  readonly controller: AbortController;
  readonly release: () => void;
}

/** `onSignedOut` is told when a token is refused in the middle of an upload, which then waits for another one. */
export function createUploadQueue(onSignedOut: (reason: string) => void): UploadQueue {
  const startWorker = createWorkerStarter();
  const saved = openSavedUploads();
  const files = new Map<string, File>();
  const running = new Map<string, Running>();
  const listeners = new Set<() => void>();
  let all: readonly UploadItem[] = [];
  let shown: readonly UploadItem[] = [];
  let session: Session | null = null;
  let notifying: ReturnType<typeof setTimeout> | undefined;

  const isMine = (item: SavedUpload): boolean =>
    item.subject === session?.identity.subject && item.serverUrl === SERVER_URL;

  function notify(): void {
    clearTimeout(notifying);
    notifying = undefined;
    shown = all.filter(isMine);
    for (const listener of listeners) listener();
  }

  function change(id: string, to: Partial<UploadItem>): void {
    all = all.map((item) => (item.id === id ? { ...item, ...to } : item));
    if (Object.keys(to).every((field) => field === 'doneBytes')) notifying ??= setTimeout(notify, NOTIFY_MS);
    else notify();
  }

  const find = (id: string): UploadItem | undefined => all.find((item) => item.id === id);

  async function keep(id: string, known: Partial<SavedUpload>): Promise<void> {
    change(id, known);
    const item = find(id);
    if (item === undefined) return;
    const { phase: _phase, doneBytes: _done, deduped: _deduped, error: _error, ...upload } = item;
    // Not being able to resume later is no reason to fail now.
    await saved.put(upload).catch(() => undefined);
  }

  function start(item: UploadItem, file: File, { client }: Session): void {
    const { id } = item;
    const controller = new AbortController();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    running.set(id, { controller, release });
    holdUpload(id, released);
    change(id, { phase: item.digest === null ? 'hashing' : 'sending', doneBytes: 0, error: null });
    const report = (phase: TransferPhase, doneBytes: number): void => {
      // What was stopped still says that it has stopped.
      if (controller.signal.aborted) return;
      const before = find(id);
      const isOn = before !== undefined && doneBytes > before.doneBytes;
      // What failed is over as soon as bytes move again.
      const error = isOn && before.error !== null ? { error: null } : {};
      change(id, before?.phase === phase ? { doneBytes, ...error } : { phase, doneBytes, ...error });
    };
    const onTrouble = (error: Error): void => {
      if (!controller.signal.aborted) change(id, { error });
    };
    const work = { client, startWorker, file, onProgress: report, onTrouble, signal: controller.signal };
    transferPatiently({ ...work, save: (known) => keep(id, known) }, () => find(id) ?? item)
      .then(
        async ({ digest, deduped }) => {
          change(id, { phase: 'done', digest, deduped, doneBytes: item.size, error: null });
          await saved.remove(id).catch(() => undefined);
        },
        (cause: unknown) => {
          if (controller.signal.aborted) return;
          fail(id, asError(cause));
        },
      )
      .finally(() => {
        release();
        // Somebody may have gone on with it already.
        if (running.get(id)?.controller === controller) running.delete(id);
        startNext();
      });
  }

  function fail(id: string, error: Error): void {
    change(id, { phase: isSignedOut(error) ? 'halted' : 'failed', error });
    if (isSignedOut(error)) onSignedOut(error.message);
    // The bytes were not those of the digest: the next attempt looks at the file anew.
    const isOther = error instanceof ArtifortressError && error.code === 'upload_verification_failed';
    if (isOther) void keep(id, { digest: null });
  }

  function startNext(): void {
    if (session === null) return;
    for (const item of all) {
      if (running.size >= MOST_AT_ONCE) return;
      const file = files.get(item.id);
      if (item.phase === 'waiting' && isMine(item) && file !== undefined) start(item, file, session);
    }
  }

  function stop(id: string): void {
    running.get(id)?.controller.abort();
  }

  /** Uploads that were begun before, and that no other tab is at work on. */
  async function restore(): Promise<void> {
    const [kept, held] = await Promise.all([saved.list(), heldUploads()]);
    const known = new Set(all.map(({ id }) => id));
    const more = kept.filter(({ id }) => !known.has(id) && !held.has(id));
    all = [
      ...all,
      ...more.map(
        (upload) => ({ ...upload, phase: 'interrupted', doneBytes: 0, deduped: false, error: null }) as const,
      ),
    ];
    notify();
  }

  function remove(id: string): void {
    all = all.filter((item) => item.id !== id);
    files.delete(id);
    void saved.remove(id).catch(() => undefined);
    notify();
  }

  return {
    items: () => shown,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    add(repoKey, chosen) {
      if (session === null) return;
      const { subject } = session.identity;
      const added = chosen.map(({ file, handle }): UploadItem => {
        const id = newId();
        files.set(id, file);
        return {
          id,
          serverUrl: SERVER_URL,
          subject,
          repoKey,
          name: file.name,
          size: file.size,
          lastModified: file.lastModified,
          digest: null,
          uploadId: null,
          partSizeBytes: null,
          handle,
          phase: 'waiting',
          doneBytes: 0,
          deduped: false,
          error: null,
        };
      });
      all = [...all, ...added];
      notify();
      for (const { id } of added) void keep(id, {});
      startNext();
    },
    pause(id) {
      stop(id);
      change(id, { phase: 'paused' });
    },
    resume(id) {
      if (files.has(id)) change(id, { phase: 'waiting', error: null });
      startNext();
    },
    resumeWith(id, file) {
      const item = find(id);
      if (item === undefined) return null;
      if (file.size !== item.size) {
        return `"${file.name}" has another length than the file that was being uploaded (${item.name}): choose that one.`;
      }
      files.set(id, file);
      // A file that may have been changed since is hashed again: if it was, it takes another session.
      const isSame = file.name === item.name && file.lastModified === item.lastModified;
      if (!isSame) change(id, { digest: null, name: file.name, lastModified: file.lastModified });
      change(id, { phase: 'waiting', error: null });
      startNext();
      return null;
    },
    cancel(id) {
      const item = find(id);
      stop(id);
      if (session !== null && item !== undefined && item.uploadId !== null) {
        // Where the server can't be told, the session ends by itself when its time is up.
        session.client.uploads.abort(item.repoKey, item.uploadId).catch(() => undefined);
      }
      remove(id);
    },
    dismiss: remove,
    useSession(next) {
      session = next;
      for (const id of running.keys()) {
        stop(id);
        change(id, { phase: 'halted' });
      }
      const goesOn = (item: UploadItem): boolean => item.phase === 'halted' && isMine(item);
      all = all.map((item) => (goesOn(item) ? { ...item, phase: 'waiting', error: null } : item));
      notify();
      startNext();
      if (next !== null) void restore();
    },
  };
}

/** `crypto.randomUUID` is missing on pages that came neither over HTTPS nor from this machine. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
