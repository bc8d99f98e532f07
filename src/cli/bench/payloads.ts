import { createHash, type Hash, randomBytes } from 'node:crypto';

/** A body whose length is known before it is sent. */
export interface RequestBody {
  readonly lengthBytes: number;
  readonly chunks: Iterable<Uint8Array>;
}

/** Bytes to upload, with their SHA-256 known beforehand, so that no timed window pays for it. */
export interface Payload {
  readonly digest: string;
  readonly lengthBytes: number;
  /** The bytes from `start` up to, not including, `end`. */
  readonly body: (start?: number, end?: number) => RequestBody;
}

const NONCE_BYTES = 32;
const POOL_BYTES = 32 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
/** Steps through the pool so that neighbouring chunks differ and the pool repeats late. */
const CHUNK_STRIDE_BYTES = 5 * 1024 * 1024 + 4096;

/**
 * Objects of one length with unique, incompressible content. They share all but their last bytes, a fresh random nonce: so the
 * hash of what they share is made once, an object costs microseconds however long it is, and thousands need no memory.
 */
export class UniqueObjects {
  readonly #lengthBytes: number;
  readonly #sharedBytes: number;
  readonly #pool: Buffer;
  readonly #sharedHash: Hash;

  constructor(lengthBytes: number) {
    this.#lengthBytes = lengthBytes;
    this.#sharedBytes = Math.max(0, lengthBytes - NONCE_BYTES);
    this.#pool = randomBytes(Math.min(POOL_BYTES, Math.max(CHUNK_BYTES, this.#sharedBytes)));
    this.#sharedHash = createHash('sha256');
    for (const chunk of this.#shared(0, this.#sharedBytes)) this.#sharedHash.update(chunk);
  }

  /** Returns an object that was never returned before (below the nonce's length, most likely not). */
  take(): Payload {
    const nonce = randomBytes(this.#lengthBytes - this.#sharedBytes);
    return {
      digest: this.#sharedHash.copy().update(nonce).digest('hex'),
      lengthBytes: this.#lengthBytes,
      body: (start = 0, end = this.#lengthBytes) => ({
        lengthBytes: end - start,
        chunks: this.#chunks(nonce, start, end),
      }),
    };
  }

  *#chunks(nonce: Buffer, start: number, end: number): Generator<Uint8Array> {
    yield* this.#shared(start, Math.min(end, this.#sharedBytes));
    if (end > this.#sharedBytes) {
      yield nonce.subarray(Math.max(0, start - this.#sharedBytes), end - this.#sharedBytes);
    }
  }

  *#shared(start: number, end: number): Generator<Uint8Array> {
    let at = start;
    while (at < end) {
      const chunk = Math.floor(at / CHUNK_BYTES);
      const until = Math.min(end, (chunk + 1) * CHUNK_BYTES);
      const chunkOffset = (chunk * CHUNK_STRIDE_BYTES) % (this.#pool.length - CHUNK_BYTES + 1);
      const poolOffset = chunkOffset + at - chunk * CHUNK_BYTES;
      yield this.#pool.subarray(poolOffset, poolOffset + (until - at));
      at = until;
    }
  }
}

/** Makes one object of unique, incompressible content; no file is read while it is sent. */
export function makeObject(lengthBytes: number): Payload {
  return new UniqueObjects(lengthBytes).take();
}

/** Returns the SHA-256 of a body, in lowercase hexadecimal. */
export function digestOf(body: RequestBody): string {
  const sha256 = createHash('sha256');
  for (const chunk of body.chunks) sha256.update(chunk);
  return sha256.digest('hex');
}
