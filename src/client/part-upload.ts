import type { AdaptiveWidth } from './adaptive-width.ts';
import { startDeadline } from './deadline.ts';
import { ArtifortressError } from './errors.ts';
import { mapInParallel } from './parallel.ts';
import type { PlannedPart } from './part-plan.ts';
import { errorOf } from './response-body.ts';
import { isRepeatable, retrying } from './retry.ts';
import { openBody } from './source.ts';
import type { PushSource } from './source-types.ts';
import { type Transport, uploadInit, uploadTimeoutMs } from './transport.ts';
import type { CompletedPart, PartRequest, PresignedPart } from './types.ts';

/** URLs asked for at once: few enough that the last is used before it expires, even on a slow link. */
const PARTS_PER_REQUEST = 8;
/** A 403 is mostly a URL that expired on the way; a second one with a fresh URL is a clock or a credential. */
const MAX_FORBIDDEN = 2;
/** A stream from which nothing is taken for this long goes nowhere. */
const STALL_TIMEOUT_MS = 60_000;
/** What may still lie in buffers on this machine when a stream says that it was taken (Linux: 4 MiB of `tcp_wmem`, and ours). */
const MAX_UNSENT_BYTES = 6 * 1024 * 1024;

export interface PartUpload {
  readonly source: PushSource | Blob;
  /** Those that are to be sent. */
  readonly parts: readonly PlannedPart[];
  /** The digest of the only part; undefined where there are several: then the commit proves the whole. */
  readonly onlyPartSha256: string | undefined;
  readonly width: AdaptiveWidth;
  readonly presign: (parts: readonly PartRequest[], signal: AbortSignal) => Promise<readonly PresignedPart[]>;
  /** Bytes that went out; negative where a try failed and its bytes go out again. */
  readonly onBytes: (bytes: number) => void;
  readonly signal: AbortSignal | undefined;
}

/** Sends every part straight to where its URL says, and returns the receipts that `complete` wants. */
export function uploadParts(transport: Transport, upload: PartUpload): Promise<CompletedPart[]> {
  const { parts, width, signal } = upload;
  const batches = new Map<number, Promise<readonly PresignedPart[]>>();

  function urlOf(part: PlannedPart, index: number, partSignal: AbortSignal): Promise<PresignedPart> {
    const first = index - (index % PARTS_PER_REQUEST);
    const requests = parts.slice(first, first + PARTS_PER_REQUEST).map((one) => requestFor(one, upload));
    const batch = batches.get(first) ?? upload.presign(requests, partSignal);
    batches.set(first, batch);
    return batch.then((urls) => find(urls, part));
  }

  const numbered = parts.map((part, index) => ({ part, index }));
  return mapInParallel(numbered, width.current, signal, async ({ part, index }, partSignal) => {
    let url = await urlOf(part, index, partSignal);
    let tries = 0;
    let forbidden = 0;
    const mayRepeat = (error: unknown): error is ArtifortressError => {
      if (!(error instanceof ArtifortressError)) return false;
      if (error.status === 403) forbidden += 1;
      else width.struggled();
      return error.status === 403 ? forbidden < MAX_FORBIDDEN : isPassing(error);
    };
    const completed = await retrying(
      { runtime: transport.runtime, policy: transport.policy, signal: partSignal },
      mayRepeat,
      async () => {
        tries += 1;
        if (tries > 1) url = find(await upload.presign([requestFor(part, upload)], partSignal), part);
        return putPart(transport, upload, part, url, partSignal);
      },
    );
    width.succeeded(part.end - part.start);
    return completed;
  });
}

function requestFor(part: PlannedPart, upload: PartUpload): PartRequest {
  return { partNumber: part.partNumber, sizeBytes: part.end - part.start, sha256: upload.onlyPartSha256 };
}

function find(urls: readonly PresignedPart[], part: PlannedPart): PresignedPart {
  const found = urls.find((url) => url.partNumber === part.partNumber);
  if (found !== undefined) return found;
  const message = `The server gave no address for part ${part.partNumber}.`;
  throw new ArtifortressError({ code: 'invalid_response', message });
}

/** Object stores answer 500 and 400 RequestTimeout for what passes; 507 does not pass. */
function isPassing(error: ArtifortressError): boolean {
  return error.status === 500 || error.fields.storeCode === 'RequestTimeout' || isRepeatable(error, 'always');
}

async function putPart(
  transport: Transport,
  upload: PartUpload,
  part: PlannedPart,
  url: PresignedPart,
  signal: AbortSignal,
): Promise<CompletedPart> {
  let countedBytes = 0;
  const count = (bytes: number): void => {
    countedBytes += bytes;
    upload.onBytes(bytes);
  };
  const body = openBody(upload.source, part.start, part.end, (bytes) => {
    count(bytes);
    // A stream tells that bytes go out. One that stalls, as after a laptop's sleep, is given up early and sent anew.
    const isAllTaken = countedBytes === body.sizeBytes;
    deadline.restart(isAllTaken ? uploadTimeoutMs(Math.min(MAX_UNSENT_BYTES, body.sizeBytes)) : STALL_TIMEOUT_MS);
  });
  const deadline = startDeadline(signal, uploadTimeoutMs(body.sizeBytes));
  const doing = `sending part ${part.partNumber} to ${hostOf(url.uploadUrl)}`;
  try {
    // No token here: the URL itself is the permission, and its host may be another's.
    const response = await transport.runtime.fetch(url.uploadUrl, {
      method: 'PUT',
      signal: deadline.signal,
      ...(await uploadInit(body, url.headers)),
    });
    if (!response.ok) throw await errorOf(response, `part ${part.partNumber}`, transport.runtime.now());
    await response.body?.cancel();
    count(body.sizeBytes - countedBytes);
    return { partNumber: part.partNumber, etag: etagOf(response) };
  } catch (error) {
    upload.onBytes(-countedBytes);
    throw deadline.explain(error, doing);
  } finally {
    deadline.disarm();
  }
}

function etagOf(response: Response): string {
  const etag = response.headers.get('etag');
  if (etag !== null && etag !== '') return etag;
  const message = 'The object store gave no ETag for a part; in a browser its CORS rules have to expose that header.';
  throw new ArtifortressError({ code: 'invalid_response', message, status: response.status });
}

/** The URL without its signature, which is a secret while it lasts. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : 'the object store';
}
