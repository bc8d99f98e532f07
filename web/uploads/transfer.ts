import { type Artifortress, ArtifortressError, type HeldPart, planParts } from '../../src/client/index.ts';
import { reasonOf } from '../../src/client/runtime.ts';
import { hashFile } from './hash-file.ts';
import type { SavedUpload } from './saved-uploads.ts';
import { type FilePart, sendParts } from './send-parts.ts';

/** Larger files go in parts of this size: what a pause or a broken connection loses is at most the parts in flight. */
const PART_SIZE_BYTES = 16 * 1024 * 1024;
/** The largest file that goes as one part, which the store proves by itself, so that the server reads nothing back. */
const ONE_PART_BYTES = 32 * 1024 * 1024;

export type TransferPhase = 'hashing' | 'sending' | 'verifying';

export interface Transfer {
  readonly client: Artifortress;
  readonly startWorker: () => Worker;
  readonly file: File;
  readonly upload: SavedUpload;
  /** Keeps what has just become known of the upload, before the next step relies on it. */
  readonly save: (known: Partial<SavedUpload>) => Promise<void>;
  readonly onProgress: (phase: TransferPhase, doneBytes: number) => void;
  /** Something failed that is about to be tried again. */
  readonly onTrouble: (error: Error) => void;
  readonly signal: AbortSignal;
}

export interface TransferResult {
  readonly digest: string;
  /** The server had the bytes already: none was sent. */
  readonly deduped: boolean;
}

/**
 * Takes a file to the server, from wherever an earlier attempt has got to: hashes it, opens a session or goes on with the one that is open,
 * sends the parts that the store lacks, and waits until the server has proved the digest.
 */
export async function transfer(work: Transfer): Promise<TransferResult> {
  const { client, file, upload, save, onProgress, onTrouble, signal } = work;
  const { repoKey } = upload;
  const digest =
    upload.digest ?? (await hashFile(work.startWorker, file, (bytes) => onProgress('hashing', bytes), signal));
  if (upload.digest === null) await save({ digest });

  const opened = (await openAgain(work, digest)) ?? (await openSession(work, digest));
  if (opened.kind === 'committed') return { digest, deduped: opened.deduped };
  const { uploadId } = opened;
  if (opened.kind === 'sending') {
    const { held, partSizeBytes } = opened;
    const parts = cutParts(file.size, partSizeBytes);
    const isHeld = (part: FilePart): HeldPart | undefined =>
      held.find(({ partNumber, sizeBytes }) => partNumber === part.partNumber && sizeBytes === part.end - part.start);
    const missing = parts.filter((part) => isHeld(part) === undefined);
    const heldBytes = parts.reduce((sum, part) => sum + (isHeld(part)?.sizeBytes ?? 0), 0);
    onProgress('sending', heldBytes);
    const sent = await sendParts({
      client,
      repoKey,
      uploadId,
      file,
      parts: missing,
      onlyPartSha256: parts.length === 1 ? digest : undefined,
      onProgress: (bytes) => onProgress('sending', heldBytes + bytes),
      onTrouble,
      signal,
    });
    const receipts = [...parts.flatMap((part) => isHeld(part) ?? []), ...sent];
    await client.uploads.complete(
      repoKey,
      uploadId,
      receipts.map(({ partNumber, etag }) => ({ partNumber, etag })),
      { signal },
    );
  }
  await commit(work, uploadId);
  return { digest, deduped: false };
}

type Opened =
  | { readonly kind: 'committed'; readonly deduped: boolean }
  | { readonly kind: 'complete'; readonly uploadId: string }
  | {
      readonly kind: 'sending';
      readonly uploadId: string;
      readonly held: readonly HeldPart[];
      readonly partSizeBytes: number;
    };

/** The session of an earlier attempt; null where it takes a new one: there was none, it ended without a commit, or the file has changed. */
async function openAgain({ client, upload, signal }: Transfer, digest: string): Promise<Opened | null> {
  const { repoKey, uploadId, partSizeBytes } = upload;
  if (uploadId === null || partSizeBytes === null) return null;
  const found = await client.uploads.get(repoKey, uploadId, { signal }).catch((error: unknown) => {
    if (error instanceof ArtifortressError && error.code === 'not_found') return null;
    throw error;
  });
  if (found === null || found.expectedDigest !== digest) return null;
  switch (found.state) {
    case 'aborted':
      return null;
    case 'committed':
      return { kind: 'committed', deduped: found.deduped };
    case 'pending_commit':
      return { kind: 'complete', uploadId };
    case 'initiated':
    case 'parts_uploading':
      return { kind: 'sending', uploadId, held: found.parts, partSizeBytes };
  }
}

async function openSession({ client, upload, file, save, signal }: Transfer, digest: string): Promise<Opened> {
  const created = await client.uploads.create(upload.repoKey, { digest, lengthBytes: file.size }, { signal });
  if (created.state === 'committed') return { kind: 'committed', deduped: created.deduped };
  if (created.nextAction?.action !== 'upload_parts') {
    const message = 'The server asks for a step that this page does not know. Reload the page.';
    throw new ArtifortressError({ code: 'client_outdated', message });
  }
  const wanted = file.size <= ONE_PART_BYTES ? file.size : PART_SIZE_BYTES;
  const [first] = planParts(file.size, created.nextAction, wanted);
  const partSizeBytes = first === undefined ? file.size : first.end - first.start;
  await save({ uploadId: created.uploadId, partSizeBytes });
  return { kind: 'sending', uploadId: created.uploadId, held: [], partSizeBytes };
}

/** The same parts at each attempt: all of one size, the last of what is left. */
function cutParts(size: number, partSizeBytes: number): FilePart[] {
  return Array.from({ length: Math.ceil(size / partSizeBytes) }, (_, index) => ({
    partNumber: index + 1,
    start: index * partSizeBytes,
    end: Math.min((index + 1) * partSizeBytes, size),
  }));
}

async function commit({ client, upload, file, onProgress, signal }: Transfer, uploadId: string): Promise<void> {
  onProgress('verifying', 0);
  for (;;) {
    const answer = await client.uploads.commit(upload.repoKey, uploadId, { signal });
    if (answer.status === 'committed') return;
    onProgress('verifying', Math.min(answer.verifiedBytes ?? 0, file.size));
    await pause(answer.retryAfterMs, signal);
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(reasonOf(signal));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal.addEventListener('abort', stop, { once: true });
  });
}
