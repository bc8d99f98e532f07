import { toHex } from './digest.ts';
import { invalidArgument } from './errors.ts';
import { type CreateHash, createPortableHash } from './sha256.ts';
import type { OpenedSource, PushSource } from './source-types.ts';

/**
 * What Node, Bun and Deno have beyond the web platform. Nothing is imported: where `process.getBuiltinModule` is there it is
 * asked, and a browser's bundler sees no module name to resolve.
 */

/** As much of a file of `node:fs/promises` as is needed here. */
export interface ReadableFile {
  read(
    buffer: Uint8Array<ArrayBuffer>,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesRead: number }>;
}

interface OpenFile extends ReadableFile {
  stat(): Promise<{ readonly size: number; isFile(): boolean }>;
  writeFile(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

interface Builtins {
  'node:crypto': {
    createHash(algorithm: 'sha256'): { update(bytes: Uint8Array): unknown; digest(): Uint8Array };
  };
  'node:fs/promises': {
    open(path: string, flags: string, mode?: number): Promise<OpenFile>;
    mkdtemp(prefix: string): Promise<string>;
    rm(path: string, options: { recursive: boolean; force: boolean }): Promise<void>;
  };
  'node:os': { tmpdir(): string };
}

/** A module of the runtime; null in a browser, and where the runtime is too old to be asked. */
function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] | null {
  const process: unknown = Reflect.get(globalThis, 'process');
  if (typeof process !== 'object' || process === null || !('getBuiltinModule' in process)) return null;
  const { getBuiltinModule } = process;
  if (typeof getBuiltinModule !== 'function') return null;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Node documents these modules; Bun and Deno follow it
  return (getBuiltinModule.call(process, name) as Builtins[Name] | undefined) ?? null;
}

/** The runtime's own SHA-256, which uses the processor's instructions for it, or the portable one. */
export function platformHash(): CreateHash {
  const crypto = builtin('node:crypto');
  if (crypto === null) return createPortableHash;
  return () => {
    const hash = crypto.createHash('sha256');
    return { update: (bytes) => hash.update(bytes), digestHex: () => toHex(hash.digest()) };
  };
}

/**
 * Whether `fetch` sends a stream under the `Content-Length` that it is given, as object stores want it. Node and Bun do; Deno
 * and browsers send it in chunks of unknown number, or not at all.
 */
export function sendsStreamsOfKnownLength(): boolean {
  return builtin('node:crypto') !== null && !Reflect.has(globalThis, 'Deno');
}

/** Measured: twice the throughput of Node's own file Blobs, whose chunks are 64 KiB; larger ones gain nothing more. */
const READ_BYTES = 512 * 1024;

/** An open file as something to push, its slices streams. */
export function sourceOfFile(file: ReadableFile, size: number): PushSource {
  return {
    size,
    slice(start, end) {
      let position = start;
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const wanted = Math.min(READ_BYTES, end - position);
            const buffer = new Uint8Array(wanted);
            const { bytesRead } = wanted === 0 ? { bytesRead: 0 } : await file.read(buffer, 0, wanted, position);
            // A file cut short ends early here, and whoever counts the bytes notices.
            if (bytesRead === 0) return controller.close();
            position += bytesRead;
            controller.enqueue(buffer.subarray(0, bytesRead));
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}

/** Opens a file by its path. Its owner closes it. */
export async function openPath(path: string): Promise<OpenedSource> {
  const files = builtin('node:fs/promises');
  if (files === null) throw invalidArgument('This runtime opens no files by path: push a Blob or a File.');
  const file = await files.open(path, 'r');
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw invalidArgument(`${path} is not a regular file.`);
    return { source: sourceOfFile(file, stat.size), close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Keeps a stream aside, so that it can be read twice: in a temporary file that only this process reaches and that is gone with
 * it, or, in a browser, in a Blob, which the browser keeps where it sees fit.
 */
export async function spool(stream: ReadableStream<Uint8Array>): Promise<OpenedSource> {
  const files = builtin('node:fs/promises');
  const os = builtin('node:os');
  if (files === null || os === null) {
    return { source: await new Response(stream).blob(), close: () => Promise.resolve() };
  }
  const folder = await files.mkdtemp(`${os.tmpdir()}/artifortress-`);
  try {
    const file = await files.open(`${folder}/stream`, 'wx+', 0o600);
    try {
      let size = 0;
      for await (const chunk of stream) {
        await file.writeFile(chunk);
        size += chunk.byteLength;
      }
      return { source: sourceOfFile(file, size), close: () => file.close() };
    } catch (error) {
      await file.close();
      throw error;
    }
  } finally {
    await files.rm(folder, { recursive: true, force: true });
  }
}
