import path from 'node:path';
import type { Artifortress } from '../client/artifortress.ts';
import type { OnProgress } from '../client/progress.ts';
import type { PushResult, SessionEvent } from '../client/push-types.ts';
import { type FileSource, isSameFile, openFileSource } from './file-source.ts';
import { thisProcess } from './owner.ts';
import type { UploadState, UploadStates } from './upload-state.ts';

export interface FilePush {
  readonly client: Artifortress;
  readonly repoKey: string;
  readonly file: string;
  readonly states: UploadStates;
  /** False to begin anew whatever was begun, and to leave nothing to be resumed. */
  readonly resume: boolean;
  readonly partSizeBytes: number | undefined;
  readonly parallelParts: number | undefined;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
  /** What became of a session that did not end in a commit. */
  readonly onLeft: (event: SessionEvent) => void;
}

/**
 * How old a file has to be when it is hashed, for its times to show every later change: file systems write them in steps of
 * some milliseconds, FAT in steps of 2 s.
 */
const LEAST_AGE_MS = 2_500;

/** Pushes one file, going on where an earlier push of it stopped. */
export async function pushFile(options: FilePush): Promise<PushResult> {
  const { client, repoKey, file, states, resume } = options;
  const absolute = path.resolve(file);
  const source = await openFileSource(file);
  try {
    const earlier = states.find(client.url, repoKey, absolute);
    const isDigestTrusted = isOldEnough(source, options.nowMs());
    const save = ({ digest, uploadId, partSizeBytes, expiresAtUtc }: SessionEvent): void => {
      const { url } = client;
      const { identity } = source;
      const known = { url, repoKey, file: absolute, identity, digest, isDigestTrusted, owner: thisProcess() };
      states.save({ ...known, uploadId, partSizeBytes, expiresAtUtc });
    };
    const result = await client.push({
      repoKey,
      source,
      // Hashing a large file takes minutes: one that has not changed since it was hashed keeps its digest.
      digest: resume && earlier !== undefined ? knownDigest(earlier, source) : undefined,
      partSizeBytes: options.partSizeBytes,
      parallelParts: options.parallelParts,
      resume: resume && earlier !== undefined ? earlier : undefined,
      onFailure: resume ? 'keep' : 'abort',
      signal: options.signal,
      onProgress: options.onProgress,
      onSession(event) {
        const isOpen = event.outcome === 'opened' || event.outcome === 'resumed';
        if (isOpen && resume) save(event);
        if (event.outcome === 'opened' && earlier !== undefined) dropEarlier(client, earlier, event);
        if (event.outcome === 'aborted') states.forget(client.url, repoKey, absolute);
        if (!isOpen) options.onLeft(event);
      },
    });
    states.forget(client.url, repoKey, absolute);
    return result;
  } finally {
    await source.close();
  }
}

function knownDigest(earlier: UploadState, { identity }: FileSource): string | undefined {
  return earlier.isDigestTrusted && isSameFile(earlier.identity, identity) ? earlier.digest : undefined;
}

function isOldEnough({ identity }: FileSource, nowMs: number): boolean {
  const changedMs = Number(BigInt(identity.changed) / 1_000_000n);
  return nowMs - changedMs > LEAST_AGE_MS;
}

/** Frees what an earlier push had sent of what the file held then. The server ends it anyway when its time is up. */
function dropEarlier(client: Artifortress, earlier: UploadState, { uploadId }: SessionEvent): void {
  if (earlier.uploadId === uploadId) return;
  void client.uploads.abort(earlier.repoKey, earlier.uploadId, { reason: 'superseded' }).catch(() => undefined);
}
