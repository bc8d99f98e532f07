import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { PutObjectCommand, type S3Client, UploadPartCommand } from '@aws-sdk/client-s3';
import { messageOf } from '../../kernel/errors.ts';
import { freeChunk } from '../../kernel/free-chunk.ts';
import { type Digest, digestOf } from '../digest.ts';
import { StoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import { type MultipartId, PART_LIMITS } from '../object-store.ts';
import type { S3Location } from './client.ts';
import { toStoreError } from './errors.ts';
import { unquoted } from './head-object.ts';

/** What one PutObject, and one part, may hold at most. */
const LARGEST_PIECE_BYTES = PART_LIMITS.maximumBytes;

/** How a body too large for one call is stored in several. */
export interface Multipart {
  start(): Promise<MultipartId>;
  complete(multipartId: MultipartId, parts: readonly { partNumber: number; etag: string }[]): Promise<unknown>;
}

/**
 * Streams a body to the store, hashing it as it passes; nothing of it is held beyond the sockets' own buffers. S3: PutObject, and
 * UploadPart one after the other for what is larger than one call may carry.
 * @throws StoreError `wrong_length`, with nothing stored.
 */
export async function putObject(
  client: S3Client,
  location: S3Location,
  encryption: object,
  key: ObjectKey,
  body: Readable,
  lengthBytes: number,
  multipart: Multipart,
): Promise<{ sha256: Digest }> {
  const pieces = createPieces(body, lengthBytes, location.requestTimeoutMs);
  const target = { Bucket: location.bucket, Key: location.prefix + key };
  if (lengthBytes <= LARGEST_PIECE_BYTES) {
    await pieces.send(lengthBytes, key, (stream, abortSignal) =>
      client.send(new PutObjectCommand({ ...target, ...encryption, Body: stream, ContentLength: lengthBytes }), {
        abortSignal,
      }),
    );
    return { sha256: pieces.digest() };
  }
  const multipartId = await multipart.start();
  const parts: { partNumber: number; etag: string }[] = [];
  for (let left = lengthBytes, partNumber = 1; left > 0; partNumber += 1) {
    const sizeBytes = Math.min(left, LARGEST_PIECE_BYTES);
    const part = { ...target, UploadId: multipartId, PartNumber: partNumber, ContentLength: sizeBytes };
    const { ETag: etag } = await pieces.send(sizeBytes, key, (stream, abortSignal) =>
      client.send(new UploadPartCommand({ ...part, Body: stream }), { abortSignal }),
    );
    parts.push({ partNumber, etag: unquoted(etag) });
    left -= sizeBytes;
  }
  await multipart.complete(multipartId, parts);
  return { sha256: pieces.digest() };
}

/** Cuts one body into streams of known lengths, and watches that the store keeps taking what there is. */
function createPieces(body: Readable, lengthBytes: number, stallMs: number) {
  const hash = createHash('sha256');
  // Not destroyed where the store fails in the middle: a request's body is its connection, which the answer still has to use.
  const chunks = body.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let kept: Buffer | undefined;
  let totalBytes = 0;

  /** The next chunk of the body, of at most `limit` bytes. */
  const nextChunk = async (limit: number): Promise<Buffer | undefined> => {
    let chunk = kept;
    kept = undefined;
    if (chunk === undefined) {
      const next = await chunks.next();
      if (next.done === true) return undefined;
      chunk = next.value;
      totalBytes += chunk.length;
      if (totalBytes > lengthBytes) throw wrongLength('more');
    }
    if (chunk.length > limit) {
      kept = chunk.subarray(limit);
      chunk = chunk.subarray(0, limit);
    }
    hash.update(chunk);
    return chunk;
  };

  const wrongLength = (actual: string): StoreError =>
    new StoreError('wrong_length', `the body was declared to have ${lengthBytes} bytes and has ${actual}`);

  return {
    digest: () => digestOf(hash),

    /** Sends the next `sizeBytes`. @throws what the body failed by, else what the store did. */
    async send<Answer>(
      sizeBytes: number,
      key: ObjectKey,
      call: (stream: Readable, abortSignal: AbortSignal) => Promise<Answer>,
    ): Promise<Answer> {
      const giveUp = new AbortController();
      let bodyFailure: Error | undefined;
      let stalled = false;
      // Runs only while it is the store's turn: to take a chunk, or to answer.
      let watch: NodeJS.Timeout | undefined;
      const startWatch = (): void => {
        watch = setTimeout(() => {
          stalled = true;
          giveUp.abort();
        }, stallMs);
      };

      async function* piece(): AsyncGenerator<Buffer> {
        try {
          for (let left = sizeBytes; left > 0; ) {
            clearTimeout(watch);
            const chunk = await nextChunk(left);
            startWatch();
            if (chunk === undefined) throw wrongLength(`only ${totalBytes}`);
            left -= chunk.length;
            // Known before the last byte goes out: a body that goes on is refused with nothing stored.
            if (left === 0 && totalBytes === lengthBytes && kept === undefined) await refuseMore();
            yield chunk;
          }
        } catch (error) {
          // The store waits for bytes that won't come: only a cut connection tells it.
          bodyFailure = error instanceof Error ? error : new Error(messageOf(error));
          giveUp.abort();
          throw error;
        }
      }

      const refuseMore = async (): Promise<void> => {
        if ((await chunks.next()).done !== true) throw wrongLength('more');
      };

      const stream = givesBack(Readable.from(piece(), { objectMode: false }));
      // Told by `bodyFailure`; nobody else may be listening any more.
      stream.on('error', () => undefined);
      startWatch();
      try {
        return await call(stream, giveUp.signal);
      } catch (error) {
        // A store that refuses before it has read all leaves its connection half used, and the pool one short.
        giveUp.abort();
        if (bodyFailure !== undefined) throw bodyFailure;
        if (stalled) throw new StoreError('unavailable', `the store took no byte of ${key} for ${stallMs} ms`, error);
        throw toStoreError(error, `storing ${key}`);
      } finally {
        clearTimeout(watch);
        stream.destroy();
      }
    },
  };
}

/**
 * The same body, whose chunks are empty once they have been sent. The SDK passes a body on by `pipe`, and Node's own would not tell when
 * a chunk is through.
 */
function givesBack(body: Readable): Readable {
  body.pipe = (connection) => {
    body.on('data', (chunk: Buffer) => {
      if (!connection.write(chunk, () => freeChunk(chunk))) body.pause();
    });
    connection.on('drain', () => body.resume());
    body.on('end', () => connection.end());
    return connection;
  };
  return body;
}
