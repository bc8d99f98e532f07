import { createHash, hash, randomBytes, randomFillSync } from 'node:crypto';
import type { RequestBody } from './http-connection.ts';

/** Bytes to upload, with their SHA-256 known beforehand, so that no timed window pays for it. */
export interface Payload {
  readonly digest: string;
  readonly lengthBytes: number;
  /** The bytes from `start` up to, not including, `end`. */
  readonly body: (start?: number, end?: number) => RequestBody;
}

const NONCE_BYTES = 32;
const SMALL_BASES = 8;
const BIG_POOL_BYTES = 32 * 1024 * 1024;
const BIG_CHUNK_BYTES = 1024 * 1024;
/** Steps through the pool so that neighbouring chunks differ and the pool repeats late. */
const BIG_CHUNK_STRIDE_BYTES = 5 * 1024 * 1024 + 4096;

/**
 * Small objects of unique, incompressible content. Each is a fresh random nonce in front of one of a few random bases,
 * so that thousands can be held ready with their digests in little memory.
 */
export class SmallObjects {
  readonly #lengthBytes: number;
  readonly #bases: Buffer[] = [];
  readonly #ready: Payload[] = [];
  #made = 0;

  constructor(lengthBytes: number) {
    this.#lengthBytes = lengthBytes;
    for (let index = 0; index < SMALL_BASES; index++) this.#bases.push(randomBytes(lengthBytes));
  }

  /** Makes objects until `count` are ready. */
  prepare(count: number): void {
    while (this.#ready.length < count) this.#ready.push(this.#make());
  }

  /** Returns an object that was never returned before; beyond those prepared, it is made on the spot. */
  take(): Payload {
    return this.#ready.pop() ?? this.#make();
  }

  #make(): Payload {
    const base = this.#bases[this.#made++ % SMALL_BASES] ?? Buffer.alloc(0);
    const nonce = randomBytes(NONCE_BYTES);
    nonce.copy(base);
    const digest = hash('sha256', base, 'hex');
    const whole: RequestBody = { lengthBytes: this.#lengthBytes, chunks: [nonce, base.subarray(NONCE_BYTES)] };
    return {
      digest,
      lengthBytes: this.#lengthBytes,
      body: (start = 0, end = this.#lengthBytes) => sliceOf(whole, start, end),
    };
  }
}

/** Makes one big object of unique, incompressible content, made from a pool in memory: no file is read while it is sent. */
export function makeBigObject(lengthBytes: number): Payload {
  const pool = randomFillSync(Buffer.allocUnsafe(BIG_POOL_BYTES));
  const nonce = randomBytes(NONCE_BYTES);
  const body = (start = 0, end = lengthBytes): RequestBody => ({
    lengthBytes: end - start,
    chunks: bigChunks(pool, nonce, start, end),
  });
  return { digest: digestOf(body()), lengthBytes, body };
}

/** Returns the SHA-256 of a body, in lowercase hexadecimal. */
export function digestOf(body: RequestBody): string {
  const sha256 = createHash('sha256');
  for (const chunk of body.chunks) sha256.update(chunk);
  return sha256.digest('hex');
}

function* bigChunks(pool: Buffer, nonce: Buffer, start: number, end: number): Generator<Uint8Array> {
  let at = start;
  while (at < end) {
    if (at < NONCE_BYTES) {
      const until = Math.min(end, NONCE_BYTES);
      yield nonce.subarray(at, until);
      at = until;
      continue;
    }
    const chunk = Math.floor(at / BIG_CHUNK_BYTES);
    const until = Math.min(end, (chunk + 1) * BIG_CHUNK_BYTES);
    const poolOffset = (chunk * BIG_CHUNK_STRIDE_BYTES) % (BIG_POOL_BYTES - BIG_CHUNK_BYTES);
    const within = at - chunk * BIG_CHUNK_BYTES;
    yield pool.subarray(poolOffset + within, poolOffset + within + (until - at));
    at = until;
  }
}

function sliceOf(whole: RequestBody, start: number, end: number): RequestBody {
  if (start === 0 && end === whole.lengthBytes) return whole;
  return { lengthBytes: end - start, chunks: [Buffer.concat([...whole.chunks]).subarray(start, end)] };
}
