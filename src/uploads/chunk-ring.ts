/** Large enough that calls don't count, small enough for the processor's cache. */
const CHUNK_BYTES = 512 * 1024;
/** One is hashed, one is being filled, and two even out that neither takes the same time for each. */
const CHUNKS = 4;

/** In the place of a chunk's length. */
const FREE = 0;
const END = -1;
const ABANDONED = -2;

/** What the two threads share. */
export interface RingMemory {
  chunks: SharedArrayBuffer;
  /** Of each chunk: how many bytes wait in it to be hashed, or one of the marks. */
  lengths: SharedArrayBuffer;
}

export function createRingMemory(): RingMemory {
  return {
    chunks: new SharedArrayBuffer(CHUNKS * CHUNK_BYTES),
    lengths: new SharedArrayBuffer(CHUNKS * Int32Array.BYTES_PER_ELEMENT),
  };
}

/** Hands chunks of bytes on to another thread, in order, object after object. */
export interface ChunkWriter {
  /** The next chunk, once it is free to be filled. */
  next(): Promise<Buffer>;
  /** Hands on the first `count` bytes of that chunk. */
  fill(count: number): void;
  /** Says that all bytes of the object were handed on, or that no more will come. */
  finish(outcome: 'end' | 'abandoned'): Promise<void>;
}

/** Waits without blocking: the thread goes on to read. */
export function createChunkWriter(memory: RingMemory): ChunkWriter {
  const lengths = new Int32Array(memory.lengths);
  let turn = 0;

  const untilFree = async (): Promise<void> => {
    for (let length = Atomics.load(lengths, turn); length !== FREE; length = Atomics.load(lengths, turn)) {
      const wait = Atomics.waitAsync(lengths, turn, length);
      if (wait.async) await wait.value;
    }
  };
  const hand = (length: number): void => {
    Atomics.store(lengths, turn, length);
    Atomics.notify(lengths, turn);
    turn = (turn + 1) % CHUNKS;
  };

  return {
    async next() {
      await untilFree();
      return chunkOf(memory, turn);
    },
    fill: hand,
    async finish(outcome) {
      await untilFree();
      hand(outcome === 'end' ? END : ABANDONED);
    },
  };
}

export interface ChunkConsumer {
  onChunk(this: void, bytes: Buffer): void;
  onFinish(this: void, outcome: 'end' | 'abandoned'): void;
}

/** Blocks its thread between the chunks, and never returns. */
export function consumeChunks(memory: RingMemory, { onChunk, onFinish }: ChunkConsumer): never {
  const lengths = new Int32Array(memory.lengths);
  for (let turn = 0; ; turn = (turn + 1) % CHUNKS) {
    Atomics.wait(lengths, turn, FREE);
    const length = Atomics.load(lengths, turn);
    if (length > 0) onChunk(chunkOf(memory, turn).subarray(0, length));
    else onFinish(length === END ? 'end' : 'abandoned');
    Atomics.store(lengths, turn, FREE);
    Atomics.notify(lengths, turn);
  }
}

function chunkOf({ chunks }: RingMemory, turn: number): Buffer {
  return Buffer.from(chunks, turn * CHUNK_BYTES, CHUNK_BYTES);
}
