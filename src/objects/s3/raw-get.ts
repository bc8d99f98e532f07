import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** The body of an answer, read from the socket straight into the caller's buffer. */
export interface RawBody {
  /** What of the object the store says that this is; undefined for a plain 200. */
  readonly range: { readonly start: number; readonly end: number; readonly totalBytes: number } | undefined;
  /** Fills the buffer, or as much of it as the body still has. @throws Error where it breaks off or stalls. */
  read(into: Buffer, stallMs: number): Promise<number>;
  destroy(): void;
}

export interface RawClient {
  /** GETs a presigned URL. Undefined for every answer but a plain 200 or 206: then somebody else has to ask, and to understand it. */
  get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<RawBody | undefined>;
  close(): void;
}

/** Head, and what comes while nobody waits for more: a socket is read no further than this ahead of its reader. */
const STAGING_BYTES = 64 * 1024;
const KEEP_ALIVE_MS = 10_000;
const MAXIMUM_IDLE = 16;
const MAXIMUM_HEAD_BYTES = 64 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/**
 * HTTP/1.1 GETs without node:http, whose parser copies every 64 KiB of a body into new memory: that costs four times what the rest
 * of a download does, and leaves the memory to the garbage collector.
 */
export function createRawClient(tls: ConnectionOptions): RawClient {
  const idle: RawConnection[] = [];
  const release = (connection: RawConnection): void => {
    if (idle.length < MAXIMUM_IDLE) idle.push(connection);
    else connection.destroy();
  };
  const forget = (connection: RawConnection): void => {
    const place = idle.indexOf(connection);
    if (place >= 0) idle.splice(place, 1);
  };
  return {
    async get(url, headers, signal) {
      signal.throwIfAborted();
      const connection = idle.pop() ?? new RawConnection(url, tls, release, forget);
      const abort = (): void => connection.destroy(new Error('aborted'));
      signal.addEventListener('abort', abort, { once: true });
      try {
        return await connection.get(url, headers);
      } catch (error) {
        connection.destroy();
        if (signal.aborted) throw error;
        return undefined;
      } finally {
        signal.removeEventListener('abort', abort);
      }
    },
    close() {
      for (const connection of idle.splice(0)) connection.destroy();
    },
  };
}

class RawConnection {
  readonly #socket: Socket;
  readonly #release: (connection: RawConnection) => void;
  readonly #staging = Buffer.allocUnsafeSlow(STAGING_BYTES);
  /** What has come and nobody has taken yet. It may lie in the staging buffer, so the socket rests until it is taken. */
  #unread = NOTHING;
  #into: Buffer | null = null;
  #filledBytes = 0;
  /** Of the body, not yet handed out; -1 while the head is read. */
  #leftBytes = 0;
  #mayStay = true;
  #isDirect = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;
  #progress: (() => void) | null = null;

  constructor(
    url: URL,
    tls: ConnectionOptions,
    release: (connection: RawConnection) => void,
    forget: (connection: RawConnection) => void,
  ) {
    this.#release = release;
    const onread = { buffer: () => this.#nextBuffer(), callback: (bytes: number) => this.#onRead(bytes) };
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
    const common = { host, port, onread };
    this.#socket =
      url.protocol === 'https:'
        ? connectTls({ ...tls, ...common, ...(isIP(host) === 0 ? { servername: host } : {}) })
        : connect({ ...common, noDelay: true });
    this.#socket.on('error', (error) => this.#fail(error));
    this.#socket.on('close', () => {
      forget(this);
      this.#fail(new Error('the store closed the connection'));
    });
    this.#socket.on('timeout', () => this.#socket.destroy());
  }

  async get(url: URL, headers: Readonly<Record<string, string>>): Promise<RawBody | undefined> {
    this.#socket.setTimeout(0);
    this.#socket.ref();
    this.#leftBytes = -1;
    this.#unread = NOTHING;
    let head = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    this.#socket.write(`${head}\r\n`, 'latin1');
    for (;;) {
      const end = this.#unread.indexOf(HEAD_END);
      if (end >= 0) return this.#begin(this.#unread.toString('latin1', 0, end), end + HEAD_END.length);
      if (this.#unread.length > MAXIMUM_HEAD_BYTES) throw new Error('the head of the answer is too long');
      this.#socket.resume();
      await this.#more();
    }
  }

  async #read(into: Buffer, stallMs: number): Promise<number> {
    const wanted = Math.min(into.length, this.#leftBytes);
    this.#into = into.subarray(0, wanted);
    this.#filledBytes = 0;
    this.#takeUnread();
    const timer = setTimeout(() => this.destroy(new Error(`no byte came for ${stallMs} ms`)), stallMs);
    this.#progress = () => void timer.refresh();
    try {
      while (this.#filledBytes < wanted) {
        this.#socket.resume();
        await this.#more();
      }
    } catch (error) {
      // What came before the failure is good: the next call throws.
      if (this.#filledBytes === 0) throw error;
    } finally {
      clearTimeout(timer);
      this.#progress = null;
      this.#into = null;
    }
    this.#leftBytes -= this.#filledBytes;
    return this.#filledBytes;
  }

  destroy(error = new Error('the reading was given up')): void {
    this.#fail(error);
    this.#socket.destroy();
  }

  #begin(head: string, bodyStart: number): RawBody | undefined {
    const status = Number(head.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    const range = /\r\ncontent-range: *bytes (\d+)-(\d+)\/(\d+)/i.exec(head);
    if (length === undefined || /\r\ntransfer-encoding:/i.test(head) || (status !== 200 && status !== 206)) {
      this.destroy();
      return undefined;
    }
    this.#leftBytes = Number(length);
    this.#mayStay = !/\r\nconnection: *close/i.test(head);
    this.#unread = this.#unread.subarray(bodyStart);
    if (status === 200 || range === null) return this.#body(undefined);
    const [start = 0, end = 0, totalBytes = 0] = range.slice(1).map(Number);
    return this.#body(end - start + 1 === this.#leftBytes ? { start, end, totalBytes } : undefined);
  }

  /** A handle for one body: when it is through, the connection is the next one's. */
  #body(range: RawBody['range']): RawBody {
    let isOver = false;
    return {
      range,
      read: async (into, stallMs) => {
        if (isOver) throw new Error('the body is over');
        const count = await this.#read(into, stallMs);
        if (this.#leftBytes === 0) {
          isOver = true;
          this.#rest();
        }
        return count;
      },
      destroy: () => {
        if (!isOver) this.destroy();
        isOver = true;
      },
    };
  }

  #rest(): void {
    if (this.#failure !== null) return;
    if (!this.#mayStay || this.#unread.length > 0) {
      this.destroy();
      return;
    }
    this.#socket.setTimeout(KEEP_ALIVE_MS);
    this.#socket.unref();
    this.#socket.resume();
    this.#release(this);
  }

  #nextBuffer(): Buffer {
    const into = this.#into;
    const isDirect = into !== null && this.#filledBytes < into.length;
    this.#isDirect = isDirect;
    return isDirect ? into.subarray(this.#filledBytes) : this.#staging;
  }

  /** False stops the socket until somebody wants more. */
  #onRead(bytes: number): boolean {
    if (this.#isDirect) this.#filledBytes += bytes;
    else if (this.#leftBytes === 0 && this.#into === null)
      this.destroy(new Error('the store sent what nobody asked for'));
    else if (this.#leftBytes < 0) this.#unread = Buffer.concat([this.#unread, this.#staging.subarray(0, bytes)]);
    else {
      this.#unread = this.#staging.subarray(0, bytes);
      this.#takeUnread();
    }
    this.#progress?.();
    const isSatisfied = this.#into === null || this.#filledBytes === this.#into.length;
    if (isSatisfied) this.#wake?.();
    return !isSatisfied;
  }

  #takeUnread(): void {
    if (this.#into === null) return;
    const count = this.#unread.copy(this.#into, this.#filledBytes);
    this.#filledBytes += count;
    this.#unread = this.#unread.subarray(count);
  }

  async #more(): Promise<void> {
    if (this.#failure === null) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }
}
