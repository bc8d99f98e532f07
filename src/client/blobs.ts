import { parseDigest } from './digest.ts';
import { ArtifortressError, invalidArgument } from './errors.ts';
import { itemsOf } from './pages.ts';
import { record } from './parse.ts';
import { path } from './path.ts';
import { parseBlobRecord, parseEnvelope, parsePage, parsePutBlob } from './responses.ts';
import { openBody } from './source.ts';
import type { PushSource } from './source-types.ts';
import type { Transport } from './transport.ts';
import type { BlobRecord, CallOptions, Envelope, Page, PageOptions, PutBlob } from './types.ts';

/** Bytes of a blob, both ends inclusive as in HTTP: from `start` (to `end`), or the last `last` ones. */
export type ByteRange = { readonly start: number; readonly end?: number | undefined } | { readonly last: number };

export interface BlobContent {
  readonly digest: string;
  /** The bytes in `body`. */
  readonly lengthBytes: number;
  /** The bytes of the whole blob. */
  readonly totalLengthBytes: number;
  /** Where `body` starts in the blob. */
  readonly startBytes: number;
  /** As it comes: not verified. `Artifortress.pull` verifies. */
  readonly body: ReadableStream<Uint8Array>;
}

export interface BlobInfo {
  readonly digest: string;
  readonly lengthBytes: number;
}

export interface BlobListOptions extends PageOptions, CallOptions {
  /** The first characters of the digests wanted. */
  readonly prefix?: string | undefined;
}

export interface BlobsApi {
  list(repoKey: string, options?: BlobListOptions): Promise<Page<BlobRecord>>;
  all(repoKey: string, options?: BlobListOptions): AsyncGenerator<BlobRecord>;
  /** Opens the content; the caller reads the body to its end or cancels it. */
  get(repoKey: string, digest: string, options?: CallOptions & { range?: ByteRange | undefined }): Promise<BlobContent>;
  head(repoKey: string, digest: string, options?: CallOptions): Promise<BlobInfo>;
  /** Upload in one request, through the server. `Artifortress.push` suits large content better. */
  put(repoKey: string, digest: string, content: PushSource | Blob, options?: CallOptions): Promise<PutBlob>;
  /** The custody receipt: a signed statement of how the blob came into the repository. */
  receipt(repoKey: string, digest: string, options?: CallOptions): Promise<Envelope>;
  /** Drops this repository's reference. */
  delete(repoKey: string, digest: string, options?: CallOptions): Promise<void>;
}

/** The value of a `Range` header (RFC 9110 §14.2). */
export function rangeHeader(range: ByteRange): string {
  const numbers = 'last' in range ? [range.last] : [range.start, range.end ?? range.start];
  if (!numbers.every((number) => Number.isSafeInteger(number) && number >= 0)) {
    throw invalidArgument('A range is made of whole numbers from 0 up.');
  }
  if ('last' in range) return `bytes=-${range.last}`;
  if (range.end !== undefined && range.end < range.start) throw invalidArgument('A range cannot end before it starts.');
  return `bytes=${range.start}-${range.end ?? ''}`;
}

/** Where a 206 starts and how long the whole is; null where the header is not one range of known length. */
export function parseContentRange(value: string | null): { startBytes: number; totalLengthBytes: number } | null {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(value ?? '');
  return match === null ? null : { startBytes: Number(match[1]), totalLengthBytes: Number(match[2]) };
}

function lengthOf(response: Response): number {
  const value = response.headers.get('content-length');
  if (value !== null && /^\d+$/.test(value)) return Number(value);
  const message = 'The answer does not say how long the blob is; something between client and server removed it.';
  throw new ArtifortressError({ code: 'invalid_response', message, status: response.status });
}

export function blobsApi(transport: Transport): BlobsApi {
  const { json } = transport;
  // A proxy that compresses on the way would change the length that is checked.
  const plain = { 'accept-encoding': 'identity' };
  const routeOf = (repoKey: string, digest: string): string => path`/v1/repos/${repoKey}/blobs/${parseDigest(digest)}`;

  const list: BlobsApi['list'] = (repoKey, { limit, cursor, prefix, signal } = {}) =>
    json(
      {
        method: 'GET',
        path: path`/v1/repos/${repoKey}/blobs`,
        query: { limit, cursor, prefix },
        repeat: 'always',
        signal,
      },
      parsePage(parseBlobRecord),
    );

  return {
    list,
    all: (repoKey, options = {}) =>
      itemsOf((cursor) => list(repoKey, { ...options, cursor: cursor ?? options.cursor })),
    get: async (repoKey, digest, { range, signal } = {}) => {
      const headers = range === undefined ? plain : { ...plain, range: rangeHeader(range) };
      const route = routeOf(repoKey, digest);
      const response = await transport.open({ method: 'GET', path: route, headers, repeat: 'always', signal });
      const lengthBytes = lengthOf(response);
      const whole = { startBytes: 0, totalLengthBytes: lengthBytes };
      return {
        digest: parseDigest(digest),
        lengthBytes,
        ...(parseContentRange(response.headers.get('content-range')) ?? whole),
        body: response.body ?? new Blob([]).stream(),
      };
    },
    head: async (repoKey, digest, { signal } = {}) => {
      const route = routeOf(repoKey, digest);
      const response = await transport.open({ method: 'HEAD', path: route, headers: plain, repeat: 'always', signal });
      return { digest: parseDigest(digest), lengthBytes: lengthOf(response) };
    },
    put: (repoKey, digest, content, { signal } = {}) =>
      json(
        {
          method: 'PUT',
          path: routeOf(repoKey, digest),
          body: openBody(content, 0, content.size, () => undefined),
          headers: { 'content-type': 'application/octet-stream' },
          repeat: 'always',
          signal,
        },
        parsePutBlob,
      ),
    receipt: (repoKey, digest, { signal } = {}) =>
      json({ method: 'GET', path: `${routeOf(repoKey, digest)}/receipt`, repeat: 'always', signal }, parseEnvelope),
    delete: async (repoKey, digest, { signal } = {}) => {
      await json({ method: 'DELETE', path: routeOf(repoKey, digest), repeat: 'refused', signal }, record);
    },
  };
}
