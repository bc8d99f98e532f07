import type { Readable } from 'node:stream';
import type { Branded } from '../kernel/parse.ts';
import type { Digest } from './digest.ts';
import type { ObjectKey } from './keys.ts';

/** The store's own name of a multipart upload under a key. */
export type MultipartId = Branded<string, 'MultipartId'>;

/** Bounds of a multipart upload. They are S3's, and every driver keeps them: clients can't tell which one they talk to. */
export const PART_LIMITS = {
  /** Every part but the last has at least this many bytes. */
  minimumBytes: 5 * 1024 ** 2,
  maximumBytes: 5 * 1024 ** 3,
  maximumNumber: 10_000,
} as const;

export interface PartUrlRequest {
  key: ObjectKey;
  multipartId: MultipartId;
  partNumber: number;
  expiresAt: Date;
  /** Binds the URL to these very bytes. */
  sha256?: Digest | undefined;
  /** Binds the URL to exactly this many bytes. */
  sizeBytes?: number | undefined;
}

export interface PartUrl {
  url: string;
  /** To be sent as they are with the `PUT`. */
  headers: Record<string, string>;
  /** No later than was asked for. */
  expiresAt: Date;
}

export interface StoredPart {
  partNumber: number;
  sizeBytes: number;
  /** Without quotes. */
  etag: string;
}

export interface CompletedObject {
  lengthBytes: number;
  parts: StoredPart[];
  /** The digest of the whole object where we hashed all of its bytes as they came in. */
  sha256: Digest | undefined;
}

/** Zero-based, both ends inclusive, as in HTTP. */
export interface ByteRange {
  start: number;
  end: number;
}

/** What a store says about an object without reading it. */
interface ObjectHead {
  lengthBytes: number;
  /**
   * Whether the store itself vouches that the SHA-256 of the whole object is this: it checked the bytes as they came in. False where
   * it doesn't know; only a full read tells then.
   */
  vouchesFor(digest: Digest): boolean;
}

/** A thing that a store may be able to do, as found out by asking it. */
export interface StoreCapability {
  name: string;
  supported: boolean;
  /** Why it counts as not supported; empty where it is. */
  detail: string;
  /** What is done instead where it is not. */
  without: string;
}

export interface ListedObject {
  /** As it stands in the store: it may be no key of ours. */
  key: string;
  lengthBytes: number;
  modifiedAt: Date;
}

export interface ListedMultipart {
  key: string;
  multipartId: MultipartId;
  startedAt: Date;
}

/** Reads a range of an object from its start to its end, into memory that is the caller's. */
export interface ObjectReader {
  /**
   * Fills `buffer`, or as much of it as there is left to read. One call at a time.
   * @returns how many bytes; fewer than fit only at the end, 0 past it. @throws `object_not_found` where bytes are missing.
   */
  read(buffer: Buffer): Promise<number>;
  /** Frees what the reader holds, whether it was read to its end or not. Repeatable. */
  close(): Promise<void>;
}

/**
 * A place for immutable objects. An object exists whole or not at all: it appears under its key by `completeMultipart` or `put`,
 * durably, and never changes. Every method may be called again after a failure or a lost reply. All of them throw `StoreError`
 * with kind `unavailable`, `access_denied` or `full` where the store is, beside the kinds that each one names.
 */
export interface ObjectStore {
  readonly driver: 'filesystem' | 's3';

  /** What was found out about the store; empty while it could not be asked. */
  capabilities(): readonly StoreCapability[];

  /** Starts a multipart upload. With `checksummed`, every part must carry its SHA-256. S3: CreateMultipartUpload. */
  createMultipart(key: ObjectKey, options: { checksummed: boolean }): Promise<MultipartId>;

  /** Makes, without asking the store, a URL that takes one `PUT` of this part and nothing else. S3: presigned UploadPart. */
  presignPart(request: PartUrlRequest): Promise<PartUrl>;

  /**
   * Makes, without asking the store, a URL that answers this method with the object's bytes. Undefined where the store can't be
   * reached by clients: its bytes are sent by us. S3: presigned GetObject.
   */
  presignRead(key: ObjectKey, method: 'GET' | 'HEAD', expiresAt: Date): Promise<string | undefined>;

  /**
   * The parts that the store holds, in order; of a part uploaded again, the last. S3: ListParts.
   * @throws `upload_gone` for an upload that was aborted or completed.
   */
  listParts(key: ObjectKey, multipartId: MultipartId): Promise<StoredPart[]>;

  /**
   * Makes the object out of exactly these parts, in ascending order, without copying a byte. Completing again answers the same.
   * S3: CompleteMultipartUpload. @throws `invalid_part`, nothing changed; `upload_gone`.
   */
  completeMultipart(
    key: ObjectKey,
    multipartId: MultipartId,
    parts: readonly { partNumber: number; etag: string }[],
  ): Promise<CompletedObject>;

  /** Forgets a multipart upload and frees its parts. Not an error where it is gone. S3: AbortMultipartUpload. */
  abortMultipart(key: ObjectKey, multipartId: MultipartId): Promise<void>;

  /**
   * Stores a whole body in one go, hashing it as it passes. Its chunks are the store's: they may be empty afterwards. Where it fails,
   * nothing is left under the key.
   * @throws `wrong_length` where the body is not exactly `lengthBytes` long.
   */
  put(key: ObjectKey, body: Readable, lengthBytes: number): Promise<{ sha256: Digest }>;

  /** Opens a range for reading. @throws `object_not_found`; `invalid_range` for one that isn't wholly inside of the object. */
  open(key: ObjectKey, range: ByteRange): Promise<ObjectReader>;

  /** What the store says about an object, asked anew each time. S3: HeadObject. @throws `object_not_found`. */
  head(key: ObjectKey): Promise<ObjectHead>;

  /** Removes whatever lies under exactly this key: the object and every multipart upload, finished or not. Repeatable. */
  purge(key: ObjectKey): Promise<void>;

  /** Every object, in no particular order, also those that come and go meanwhile. S3: ListObjectsV2. */
  listObjects(): AsyncIterable<ListedObject>;

  /** Multipart uploads that are neither completed nor aborted, as far as the store tells. S3: ListMultipartUploads. */
  listMultiparts(): AsyncIterable<ListedMultipart>;

  /** Fails where the store can't serve now. */
  ping(): Promise<void>;
}
