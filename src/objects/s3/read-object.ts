import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { messageOf } from '../../kernel/errors.ts';
import { isStoreError, StoreError } from '../errors.ts';
import type { ObjectKey } from '../keys.ts';
import type { ByteRange, ObjectReader } from '../object-store.ts';
import type { S3Location } from './client.ts';
import { toStoreError } from './errors.ts';
import { createRawClient, type RawBody } from './raw-get.ts';

/** A body that breaks off is asked for again from where it stopped, this often in a row without a byte of progress. */
const MAXIMUM_REOPENINGS = 3;
const REOPEN_PAUSE_MS = 100;

/** The one request follows at once. */
const URL_TTL_SECONDS = 60;

type ReadLocation = Pick<S3Location, 'bucket' | 'prefix' | 'requestTimeoutMs' | 'caFile' | 'verifyTls'>;

/** Reads ranges of objects as streams, with no more in memory than the socket's own buffer. */
export function createS3Reader(client: S3Client, location: ReadLocation) {
  const timeoutMs = location.requestTimeoutMs;
  const ca = location.caFile === undefined ? {} : { ca: readFileSync(location.caFile) };
  const raw = createRawClient({ ...ca, rejectUnauthorized: location.verifyTls });

  /** The cheap way, where the store answers it in the plainest manner. */
  const requestRaw = async (
    key: ObjectKey,
    { start, end }: ByteRange,
    signal: AbortSignal,
  ): Promise<RawBody | undefined> => {
    const command = new GetObjectCommand({ Bucket: location.bucket, Key: location.prefix + key });
    const url = new URL(await getSignedUrl(client, command, { expiresIn: URL_TTL_SECONDS }));
    const body = await raw.get(url, { Range: `bytes=${start}-${end}` }, signal);
    if (body?.range?.start === start && body.range.end === end) return body;
    body?.destroy();
    return undefined;
  };

  /** The bytes from `start` to `end`. Bounded is the time to the first byte; what a slow reader takes is not. */
  const request = async (
    key: ObjectKey,
    { start, end }: ByteRange,
    closed: AbortSignal,
  ): Promise<Readable | RawBody> => {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), timeoutMs);
    try {
      const direct = await requestRaw(key, { start, end }, AbortSignal.any([late.signal, closed]));
      if (direct !== undefined) return direct;
      const answer = await client.send(
        new GetObjectCommand({
          Bucket: location.bucket,
          Key: location.prefix + key,
          Range: `bytes=${start}-${end}`,
        }),
        { abortSignal: AbortSignal.any([late.signal, closed]) },
      );
      const { Body: body, ContentRange: range } = answer;
      if (!(body instanceof Readable)) throw new StoreError('unavailable', `the store sent no body of ${key}`);
      body.on('error', () => undefined);
      const total = Number(range?.split('/')[1] ?? answer.ContentLength);
      if (end >= total) {
        body.destroy();
        throw new StoreError('invalid_range', `${key} has ${total} bytes`);
      }
      // A store without ranges answers with the whole: what lies before the range is passed over.
      return range === undefined && start > 0 ? await skip(body, start, timeoutMs) : body;
    } catch (error) {
      throw late.signal.aborted
        ? new StoreError('unavailable', `the store did not answer within ${timeoutMs} ms`, error)
        : toStoreError(error, `reading ${key}`);
    } finally {
      clearTimeout(timer);
    }
  };

  return {
    async open(key: ObjectKey, range: ByteRange): Promise<ObjectReader> {
      if (range.start > range.end) throw new StoreError('invalid_range', 'a range ends before it starts');
      const closing = new AbortController();
      let body = await request(key, range, closing.signal);
      let position = range.start;
      let failures = 0;

      /** Asks for the rest where a body broke off. @throws the failure, where that has happened too often. */
      const reopen = async (cause: unknown): Promise<void> => {
        body.destroy();
        failures += 1;
        if (failures > MAXIMUM_REOPENINGS || closing.signal.aborted) {
          throw toStoreError(cause, `reading ${key} broke off at ${position}`);
        }
        await new Promise((resolve) => setTimeout(resolve, REOPEN_PAUSE_MS * failures));
        body = await request(key, { start: position, end: range.end }, closing.signal);
        // Closed meanwhile, when there was no body yet to destroy.
        if (closing.signal.aborted) body.destroy();
      };

      const readSome = async (into: Buffer): Promise<number> => {
        try {
          return body instanceof Readable ? await readFrom(body, into, timeoutMs) : await body.read(into, timeoutMs);
        } catch (error) {
          await reopen(error);
          return 0;
        }
      };

      return {
        async read(buffer) {
          let filled = 0;
          const wanted = Math.min(buffer.length, range.end + 1 - position);
          while (filled < wanted) {
            const count = await readSome(buffer.subarray(filled, wanted));
            if (count > 0) failures = 0;
            filled += count;
            position += count;
          }
          return filled;
        },
        async close() {
          closing.abort();
          body.destroy();
        },
      };
    },

    close: () => raw.close(),
  };
}

/** Takes what is there, or waits for it, into the buffer; what doesn't fit goes back. @throws Error at the end or on a failure. */
async function readFrom(body: Readable, into: Buffer, timeoutMs: number): Promise<number> {
  for (;;) {
    const chunk: unknown = body.read();
    if (chunk instanceof Uint8Array) {
      const taken = Math.min(chunk.length, into.length);
      into.set(taken < chunk.length ? chunk.subarray(0, taken) : chunk);
      if (taken < chunk.length) body.unshift(chunk.subarray(taken));
      return taken;
    }
    if (body.readableEnded || body.destroyed || body.errored) {
      throw body.errored ?? new Error('the body ended early');
    }
    await readable(body, timeoutMs);
  }
}

function readable(body: Readable, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (failure?: Error): void => {
      clearTimeout(timer);
      body.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', settle);
      if (failure === undefined) resolve();
      else reject(failure);
    };
    const onReadable = (): void => settle();
    const onEnd = (): void => settle(body.readableLength > 0 ? undefined : new Error('the body ended early'));
    const timer = setTimeout(() => settle(new Error(`no byte came for ${timeoutMs} ms`)), timeoutMs);
    body.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', settle);
  });
}

async function skip(body: Readable, count: number, timeoutMs: number): Promise<Readable> {
  const scratch = Buffer.alloc(64 * 1024);
  try {
    for (let left = count; left > 0; ) {
      left -= await readFrom(body, scratch.subarray(0, Math.min(scratch.length, left)), timeoutMs);
    }
    return body;
  } catch (error) {
    body.destroy();
    throw isStoreError(error, 'unavailable') ? error : new StoreError('unavailable', messageOf(error), error);
  }
}
