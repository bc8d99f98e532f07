import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Payload } from '../../src/cli/bench/payloads.ts';
import { LOOPBACK } from '../bench/http-connection.ts';
import { type Reply, ReplyReader } from '../bench/http-reply.ts';

const LARGEST_WRITE_BYTES = 64 * 1024;
/** No byte either way for this long is a failure of the server. */
const IDLE_TIMEOUT_MS = 60_000;

/** One client on a line of its own that is paced from outside. */
export interface SlowClient {
  /** Moves some bytes more, at the most. */
  allow(bytes: number): void;
  /** Of the body, so far. */
  readonly movedBytes: number;
  readonly isOpen: boolean;
  /** Settles with the reply once that is whole; rejects where the connection breaks before. */
  readonly reply: Promise<Reply>;
  close(): void;
}

export interface SlowDownload extends SlowClient {
  /** Reads on without a pace. */
  hurry(): void;
  /** Of the bytes read so far, in lowercase hexadecimal; to be called once. */
  digest(): string;
}

interface Request {
  readonly port: number;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Begins a download that reads only as much as it is allowed to. */
export function startSlowDownload(request: Request): SlowDownload {
  const sha256 = createHash('sha256');
  let movedBytes = 0;
  let allowedBytes = 0;
  let isHurrying = false;
  const take = (chunk: Uint8Array) => {
    sha256.update(chunk);
    movedBytes += chunk.length;
    allowedBytes -= chunk.length;
  };
  const line = openLine(request, 'GET', new ReplyReader('GET', take), 0);
  line.socket.on('data', () => {
    if (allowedBytes <= 0 && !isHurrying) line.socket.pause();
  });
  return {
    ...line,
    get movedBytes() {
      return movedBytes;
    },
    get isOpen() {
      return !line.socket.destroyed;
    },
    allow(bytes) {
      allowedBytes += bytes;
      if (allowedBytes > 0) line.socket.resume();
    },
    hurry() {
      isHurrying = true;
      line.socket.resume();
    },
    digest: () => sha256.digest('hex'),
  };
}

/** Begins an upload in one request that sends only as much as it is allowed to. */
export function startSlowUpload(request: Request, payload: Payload): SlowClient {
  const line = openLine(request, 'PUT', new ReplyReader('PUT', 'text'), payload.lengthBytes);
  let movedBytes = 0;
  let allowedBytes = 0;
  const send = () => {
    // A server that is slower still is not sent more than it takes.
    while (!line.socket.writableNeedDrain && movedBytes < Math.min(allowedBytes, payload.lengthBytes)) {
      const end = Math.min(allowedBytes, payload.lengthBytes, movedBytes + LARGEST_WRITE_BYTES);
      for (const chunk of payload.body(movedBytes, end).chunks) line.socket.write(chunk);
      movedBytes = end;
    }
  };
  line.socket.on('drain', send);
  return {
    ...line,
    get movedBytes() {
      return movedBytes;
    },
    get isOpen() {
      return !line.socket.destroyed;
    },
    allow(bytes) {
      allowedBytes += bytes;
      send();
    },
  };
}

interface Line extends Pick<SlowClient, 'reply' | 'close'> {
  readonly socket: Socket;
}

function openLine(request: Request, method: 'GET' | 'PUT', reader: ReplyReader, lengthBytes: number): Line {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  // Whoever waits for the reply hears of it; a line that is closed on purpose has nobody.
  promise.catch(() => undefined);
  const socket = connect({ host: LOOPBACK, port: request.port, noDelay: true });
  socket.on('data', (chunk) => {
    try {
      const reply = reader.push(chunk);
      if (reply !== null) resolve(reply);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  });
  socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy(new Error(`no byte moved for ${IDLE_TIMEOUT_MS} ms`)));
  socket.on('error', reject);
  socket.on('close', () => reject(new Error('the server closed the connection before its reply was whole')));
  const fields = { Host: `${LOOPBACK}:${request.port}`, ...request.headers };
  const length = method === 'PUT' ? [`Content-Length: ${lengthBytes}`] : [];
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  socket.write(`${[`${method} ${request.target} HTTP/1.1`, ...lines, ...length].join('\r\n')}\r\n\r\n`, 'latin1');
  return { socket, reply: promise, close: () => socket.destroy() };
}
