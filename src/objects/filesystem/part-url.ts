import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Digest, digestSchema } from '../digest.ts';
import { type ObjectKey, parseObjectKey } from '../keys.ts';
import type { PartUrl, PartUrlRequest } from '../object-store.ts';
import { PART_LIMITS } from '../object-store.ts';

/** The route that takes the bytes of a part: the key stands in the path, the rest in the query, which never enters a log. */
export const PART_CONTENT_PATH = '/v1/store';

/** As S3 names it, so that a client sends the same whichever driver is behind the URL: base64 of the SHA-256. */
export const CHECKSUM_HEADER = 'x-amz-checksum-sha256';

/** What a signed URL permits: one part of one upload, until a moment, with these bounds. */
export interface PartPermit {
  key: ObjectKey;
  uploadId: string;
  partNumber: number;
  expiresAt: Date;
  sha256: Digest | undefined;
  sizeBytes: number | undefined;
}

export type PermitReading =
  | { kind: 'permit'; permit: PartPermit }
  | { kind: 'malformed' }
  | { kind: 'forged' }
  | { kind: 'expired' };

/** Signs part URLs on the API's own address with HMAC-SHA-256 (RFC 2104), and reads them back. */
export function createPartUrlSigner(signingKey: Buffer, publicUrl: () => string) {
  const sign = (path: string, query: URLSearchParams): string =>
    createHmac('sha256', signingKey).update(`PUT\n${path}\n${query.toString()}`).digest('base64url');

  return {
    sign(request: PartUrlRequest): PartUrl {
      const path = `${PART_CONTENT_PATH}/${request.key}`;
      const query = canonicalQuery({
        part: String(request.partNumber),
        expires: String(request.expiresAt.getTime()),
        max: String(PART_LIMITS.maximumBytes),
        sha256: request.sha256,
        size: request.sizeBytes === undefined ? undefined : String(request.sizeBytes),
      });
      const signature = sign(path, query);
      query.set('signature', signature);
      return {
        url: `${publicUrl()}${path}?${query.toString()}`,
        headers: headersOf(request),
        expiresAt: request.expiresAt,
      };
    },

    read(keyText: string, given: Readonly<Record<string, unknown>>, now: Date): PermitReading {
      const parsedKey = parseObjectKey(keyText);
      const fields = parseFields(given);
      if (parsedKey === undefined || fields === undefined) return { kind: 'malformed' };
      const expected = Buffer.from(sign(`${PART_CONTENT_PATH}/${keyText}`, canonicalQuery(fields)));
      const signature = Buffer.from(fields.signature);
      if (signature.length !== expected.length || !timingSafeEqual(signature, expected)) return { kind: 'forged' };
      const expiresAt = new Date(Number(fields.expires));
      if (expiresAt <= now) return { kind: 'expired' };
      const permit: PartPermit = {
        ...parsedKey,
        partNumber: Number(fields.part),
        expiresAt,
        sha256: fields.sha256 === undefined ? undefined : digestSchema.parse(fields.sha256),
        sizeBytes: fields.size === undefined ? undefined : Number(fields.size),
      };
      return { kind: 'permit', permit };
    },
  };
}

export type PartUrlSigner = ReturnType<typeof createPartUrlSigner>;

interface QueryFields {
  part: string;
  expires: string;
  max: string;
  sha256: string | undefined;
  size: string | undefined;
}

/** In one fixed order, so that signer and reader hash the same text. */
function canonicalQuery({ part, expires, max, sha256, size }: QueryFields): URLSearchParams {
  const query = new URLSearchParams({ part, expires, max });
  if (sha256 !== undefined) query.set('sha256', sha256);
  if (size !== undefined) query.set('size', size);
  return query;
}

function parseFields(given: Readonly<Record<string, unknown>>): (QueryFields & { signature: string }) | undefined {
  const { part, expires, max, sha256, size, signature } = given;
  if (typeof part !== 'string' || typeof expires !== 'string' || typeof max !== 'string') return undefined;
  if (typeof signature !== 'string') return undefined;
  if (sha256 !== undefined && typeof sha256 !== 'string') return undefined;
  if (size !== undefined && typeof size !== 'string') return undefined;
  return { part, expires, max, sha256, size, signature };
}

function headersOf({ sha256, sizeBytes }: PartUrlRequest): Record<string, string> {
  return {
    ...(sha256 === undefined ? {} : { [CHECKSUM_HEADER]: toBase64(sha256) }),
    ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }),
  };
}

export function toBase64(digest: Digest): string {
  return Buffer.from(digest, 'hex').toString('base64');
}
