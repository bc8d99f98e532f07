import { parseDigest } from './digest.ts';
import { ArtifortressError } from './errors.ts';
import { planParts } from './part-plan.ts';
import { uploadParts } from './part-upload.ts';
import type { OnProgress } from './progress.ts';
import type { AbortOutcome, PushOptions, PushResult } from './push-types.ts';
import { reasonOf } from './runtime.ts';
import { chunksOf } from './source.ts';
import type { Transport } from './transport.ts';
import type { CommittedUpload, CreatedUpload, PartBounds } from './types.ts';
import type { UploadsApi } from './uploads.ts';

const DEFAULT_PARALLEL_PARTS = 4;
/** How long a verification may go on. A day covers tens of TiB; without a bound a broken server would hold us for ever. */
const MAX_VERIFY_MS = 24 * 60 * 60 * 1000;
/** How long an unhappy end may take to tell the server, before the session is left to expire. */
const ABORT_TIMEOUT_MS = 3_000;

/**
 * Takes content from here into a repository: hashes it, opens a session, sends what the server has not, and waits until the
 * server has proved the digest. On failure the session is aborted, as well as that is possible.
 */
export async function push(transport: Transport, uploads: UploadsApi, options: PushOptions): Promise<PushResult> {
  const { repoKey, source, signal } = options;
  const onProgress = options.onProgress ?? (() => undefined);
  const digest = await digestOf(transport, options, onProgress);
  const session = await uploads.create(repoKey, { digest, lengthBytes: source.size }, { signal });
  const result = { repoKey: session.repoKey, digest, lengthBytes: source.size, uploadId: session.uploadId };
  if (session.state === 'committed') return { ...result, deduped: true, sentBytes: 0 };

  const { uploadId } = session;
  options.onSession?.({ outcome: 'opened', uploadId, expiresAtUtc: session.expiresAtUtc });
  try {
    const parts = await sendParts(transport, uploads, options, session, digest, onProgress);
    await uploads.complete(repoKey, uploadId, parts, { signal });
    await commitUntilDone(transport, uploads, options, uploadId, onProgress);
    return { ...result, deduped: false, sentBytes: source.size };
  } catch (error) {
    const outcome = await abandon(uploads, repoKey, uploadId, error);
    options.onSession?.({ outcome, uploadId, expiresAtUtc: session.expiresAtUtc });
    throw error;
  }
}

async function digestOf(transport: Transport, options: PushOptions, onProgress: OnProgress): Promise<string> {
  if (options.digest !== undefined) return parseDigest(options.digest);
  const totalBytes = options.source.size;
  const hash = transport.runtime.createHash();
  let doneBytes = 0;
  const count = (bytes: number): void => {
    doneBytes += bytes;
    onProgress({ phase: 'hash', doneBytes, totalBytes });
  };
  for await (const chunk of chunksOf(options.source, count)) {
    if (options.signal?.aborted === true) throw reasonOf(options.signal);
    hash.update(chunk);
  }
  return hash.digestHex();
}

function sendParts(
  transport: Transport,
  uploads: UploadsApi,
  options: PushOptions,
  session: CreatedUpload,
  digest: string,
  onProgress: OnProgress,
) {
  const { source, repoKey, signal } = options;
  const parts = planParts(source.size, partBoundsOf(session), options.partSizeBytes);
  let doneBytes = 0;
  const onBytes = (bytes: number): void => {
    doneBytes += bytes;
    onProgress({ phase: 'upload', doneBytes, totalBytes: source.size });
  };
  return uploadParts(transport, {
    source,
    parts,
    // The store then proves the one part by itself, and the commit reads nothing back.
    onlyPartSha256: parts.length === 1 ? digest : undefined,
    width: options.parallelParts ?? DEFAULT_PARALLEL_PARTS,
    presign: (requests, partSignal) =>
      uploads.presignParts(repoKey, session.uploadId, requests, { signal: partSignal }),
    onBytes,
    signal,
  });
}

/**
 * The bounds of the parts. The routes are the contract's own, below the address that the caller named: a token is never
 * sent to an address that came in an answer.
 */
function partBoundsOf({ nextAction, state }: CreatedUpload): PartBounds {
  if (nextAction?.action === 'upload_parts') return nextAction;
  const asked = nextAction?.action === 'unknown' ? nextAction.name : `nothing to send, in the state ${state}`;
  const message = `The server asks for a step that this client does not know (${asked}). Update the client.`;
  throw new ArtifortressError({ code: 'client_outdated', message });
}

async function commitUntilDone(
  transport: Transport,
  uploads: UploadsApi,
  options: PushOptions,
  uploadId: string,
  onProgress: OnProgress,
): Promise<CommittedUpload> {
  const { runtime } = transport;
  const { repoKey, source, signal } = options;
  const until = runtime.now() + MAX_VERIFY_MS;
  onProgress({ phase: 'verify', doneBytes: 0, totalBytes: source.size });
  for (;;) {
    const answer = await uploads.commit(repoKey, uploadId, { signal });
    if (answer.status === 'committed') return answer;
    onProgress({ phase: 'verify', doneBytes: answer.verifiedBytes ?? 0, totalBytes: source.size });
    if (runtime.now() > until) {
      const message = `The server is still verifying upload ${uploadId} after a day; look at it with its operator.`;
      throw new ArtifortressError({ code: 'timeout', message });
    }
    await runtime.sleep(answer.retryAfterMs, signal);
  }
}

/** Frees what was sent. A session that the server ended itself, or cannot be told about, is only reported. */
async function abandon(uploads: UploadsApi, repoKey: string, uploadId: string, error: unknown): Promise<AbortOutcome> {
  if (error instanceof ArtifortressError && error.code === 'upload_verification_failed') return 'aborted';
  const reason = error instanceof ArtifortressError ? error.code : 'client_abort';
  try {
    await uploads.abort(repoKey, uploadId, { reason, signal: AbortSignal.timeout(ABORT_TIMEOUT_MS) });
    return 'aborted';
  } catch {
    return 'left_open';
  }
}
