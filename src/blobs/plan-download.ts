import { AppError } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import type { ByteRange } from '../objects/object-store.ts';
import { ifNoneMatchHits, ifRangeHolds } from './conditions.ts';
import { readRange } from './range.ts';

/** The request headers that decide what a download answers. */
export interface DownloadHeaders {
  'if-none-match'?: string | undefined;
  'if-range'?: string | string[] | undefined;
  range?: string | undefined;
}

export type DownloadPlan = { headers: Record<string, string> } & (
  | { status: 304 }
  /** `range` undefined: there is no byte to send. */
  | { status: 200; lengthBytes: number; range: ByteRange | undefined }
  | { status: 206; lengthBytes: number; range: ByteRange }
);

/** What a blob's digest is good for besides naming it: it never changes, so caches may keep it for ever. */
const IMMUTABLE = 'private, immutable, max-age=31536000';

/** The `Range` header, unless a failed `If-Range` takes it out of the request. */
function rangeThatCounts(etag: string, request: DownloadHeaders): string | undefined {
  const ifRange = request['if-range'];
  return typeof ifRange !== 'object' && ifRangeHolds(ifRange, etag) ? request.range : undefined;
}

function malformedRange(): AppError {
  return new AppError(
    'bad_request',
    'The Range header must ask for one range of bytes, such as "bytes=0-499", "bytes=500-" or "bytes=-500".',
  );
}

/**
 * Judges the form of the request before the blob is looked for: a malformed range is that of any blob.
 * @throws AppError `bad_request`.
 */
export function refuseMalformedRange(digest: Digest, request: DownloadHeaders): void {
  const etag = `"${digest}"`;
  if (ifNoneMatchHits(request['if-none-match'], etag)) return;
  // Whether a range is well-formed does not depend on the length.
  if (readRange(rangeThatCounts(etag, request), 1).kind === 'malformed') throw malformedRange();
}

/**
 * What a `GET` answers: conditions before ranges, in the order of RFC 9110 §13.2.2.
 * @throws AppError `bad_request` for a malformed range or several; `invalid_range` for one that this blob can't satisfy.
 */
export function planDownload(blob: { digest: Digest; lengthBytes: number }, request: DownloadHeaders): DownloadPlan {
  const { digest, lengthBytes } = blob;
  const etag = `"${digest}"`;
  const headers = { etag, 'cache-control': IMMUTABLE };
  if (ifNoneMatchHits(request['if-none-match'], etag)) return { status: 304, headers };

  const described = {
    ...headers,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    // RFC 9530 §3: the digest of the whole representation, in a range's answer too.
    'repr-digest': `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:`,
  };
  const reading = readRange(rangeThatCounts(etag, request), lengthBytes);
  switch (reading.kind) {
    case 'whole': {
      const range = lengthBytes === 0 ? undefined : { start: 0, end: lengthBytes - 1 };
      return { status: 200, headers: described, lengthBytes, range };
    }
    case 'range': {
      const { start, end } = reading.range;
      const contentRange = { 'content-range': `bytes ${start}-${end}/${lengthBytes}` };
      return {
        status: 206,
        headers: { ...described, ...contentRange },
        lengthBytes: end - start + 1,
        range: reading.range,
      };
    }
    case 'malformed':
      throw malformedRange();
    case 'unsatisfiable':
      throw new AppError('invalid_range', `The requested range lies outside of this blob of ${lengthBytes} bytes.`, {
        headers: { 'content-range': `bytes */${lengthBytes}` },
      });
  }
}
