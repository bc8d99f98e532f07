import { createAdaptiveWidth, DEFAULT_WIDTH, fixedWidth } from './adaptive-width.ts';
import { commitUntilDone } from './commit.ts';
import { parseDigest } from './digest.ts';
import { ArtifortressError } from './errors.ts';
import { uploadParts } from './part-upload.ts';
import { openPath, spool } from './platform.ts';
import { abandon, openSession, type PushSession, resumeSession } from './push-session.ts';
import type { PreparedPush, PushOptions, PushResult, SessionEvent } from './push-types.ts';
import { reasonOf } from './runtime.ts';
import { chunksOf } from './source.ts';
import type { OpenedSource, PushInput } from './source-types.ts';
import type { Transport } from './transport.ts';
import type { CompletedPart } from './types.ts';
import type { UploadsApi } from './uploads.ts';

/**
 * Takes content from here into a repository: hashes it, opens a session or takes one up, sends what the server has not, and
 * waits until the server has proved the digest. On failure the session is aborted or kept, as the caller says.
 */
export async function push(transport: Transport, uploads: UploadsApi, options: PushOptions): Promise<PushResult> {
  const opened = await openInput(options.source);
  try {
    const onProgress = options.onProgress ?? (() => undefined);
    const digest = await digestOf(transport, { ...options, source: opened.source, onProgress });
    const prepared = { ...options, source: opened.source, digest, onProgress };
    const resumed = await resumeSession(uploads, prepared);
    if (resumed !== null) {
      try {
        return await finish(transport, uploads, prepared, resumed);
      } catch (error) {
        if (!hasEnded(error)) throw error;
      }
    }
    return await finish(transport, uploads, prepared, await openSession(uploads, prepared));
  } finally {
    await opened.close();
  }
}

/** The session that was taken up is over by now, expired or ended by somebody else: the content is still here to be pushed. */
function hasEnded(error: unknown): boolean {
  return error instanceof ArtifortressError && (error.code === 'conflict' || error.code === 'not_found');
}

async function openInput(input: PushInput): Promise<OpenedSource> {
  if (typeof input === 'string') return openPath(input);
  if (input instanceof ReadableStream) return spool(input);
  return { source: input, close: () => Promise.resolve() };
}

async function digestOf(
  transport: Transport,
  { source, digest, signal, onProgress }: Omit<PreparedPush, 'digest'> & { digest?: string | undefined },
): Promise<string> {
  if (digest !== undefined) return parseDigest(digest);
  const hash = transport.runtime.createHash();
  let doneBytes = 0;
  const count = (bytes: number): void => {
    doneBytes += bytes;
    onProgress({ phase: 'hash', doneBytes, totalBytes: source.size });
  };
  for await (const chunk of chunksOf(source, count)) {
    if (signal?.aborted === true) throw reasonOf(signal);
    hash.update(chunk);
  }
  return hash.digestHex();
}

/** From an open session to a committed one. */
async function finish(
  transport: Transport,
  uploads: UploadsApi,
  options: PreparedPush,
  session: PushSession,
): Promise<PushResult> {
  const { digest, source, signal } = options;
  const { repoKey, uploadId, expiresAtUtc, heldBytes, partSizeBytes, resumed } = session;
  const result = { repoKey, digest, lengthBytes: source.size, uploadId, resumed };
  if (session.step === 'done') return { ...result, deduped: session.deduped, sentBytes: 0 };

  const tell = (outcome: SessionEvent['outcome']): void =>
    options.onSession?.({
      outcome,
      uploadId,
      expiresAtUtc,
      digest,
      lengthBytes: source.size,
      partSizeBytes,
      heldBytes,
    });
  tell(resumed ? 'resumed' : 'opened');
  try {
    if (session.step === 'send') {
      const parts = await sendParts(transport, uploads, options, session);
      await uploads.complete(options.repoKey, uploadId, parts, { signal });
    }
    await commitUntilDone(transport, uploads, {
      repoKey: options.repoKey,
      uploadId,
      lengthBytes: source.size,
      onProgress: options.onProgress,
      signal,
    });
    const sentBytes = session.missing.reduce((sum, part) => sum + part.end - part.start, 0);
    return { ...result, deduped: false, sentBytes };
  } catch (error) {
    tell(await abandon(uploads, options, session, error));
    throw error;
  }
}

async function sendParts(
  transport: Transport,
  uploads: UploadsApi,
  options: PreparedPush,
  session: PushSession,
): Promise<CompletedPart[]> {
  const { source, repoKey, signal, onProgress, parallelParts } = options;
  const { held, missing } = session;
  let doneBytes = session.heldBytes;
  const report = (): void => onProgress({ phase: 'upload', doneBytes, totalBytes: source.size });
  report();
  const sent = await uploadParts(transport, {
    source,
    parts: missing,
    // The store then proves the one part by itself, and the commit reads nothing back.
    onlyPartSha256: held.length + missing.length === 1 ? options.digest : undefined,
    width:
      parallelParts === undefined
        ? createAdaptiveWidth(DEFAULT_WIDTH, transport.runtime.now)
        : fixedWidth(parallelParts),
    presign: (requests, partSignal) =>
      uploads.presignParts(repoKey, session.uploadId, requests, { signal: partSignal }),
    onBytes: (bytes) => {
      doneBytes += bytes;
      report();
    },
    signal,
  });
  return [...held.map(({ partNumber, etag }) => ({ partNumber, etag })), ...sent];
}
