import { Artifortress } from '../../src/client/index.ts';
import type { RetryPolicy } from '../../src/client/retry.ts';
import type { Runtime } from '../../src/client/runtime.ts';

/** A client whose waits are recorded instead of waited, and whose chance is always the middle. */
export function testClient(
  url: string,
  extra: { readonly runtime?: Partial<Runtime>; readonly retry?: Partial<RetryPolicy> } = {},
): { client: Artifortress; sleptMs: number[] } {
  const sleptMs: number[] = [];
  const client = new Artifortress({
    url,
    token: 'aft_test',
    retry: extra.retry,
    runtime: {
      random: () => 0.5,
      sleep: (milliseconds, signal) => {
        sleptMs.push(milliseconds);
        signal?.throwIfAborted();
        return Promise.resolve();
      },
      ...extra.runtime,
    },
  });
  return { client, sleptMs };
}

/** Bytes that differ from place to place, the same every time. */
export function someBytes(length: number): Buffer<ArrayBuffer> {
  const bytes = Buffer.alloc(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >> 8)) & 0xff;
  return bytes;
}

export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The error that a promise ends in. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it was expected to fail');
}
