import { connect, type Socket } from 'node:net';
import type { RequestBody } from '../../src/cli/bench/payloads.ts';
import { type Reply, ReplyReader, type TakeBody } from './http-reply.ts';

export interface HttpRequest {
  /** The name under which the latency of this request is kept. */
  readonly step: string;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Path and query. */
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody;
  readonly take?: TakeBody;
}

/** Is told of each request's latency in milliseconds, from the first byte sent to the last byte read. */
export type RecordRequest = (step: string, latencyMs: number) => void;

interface Exchange {
  readonly reader: ReplyReader;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
  bodySent: boolean;
}

export const LOOPBACK = '127.0.0.1';
/** One read takes what a fast server has ready; larger buffers showed no gain. */
const READ_BUFFER_BYTES = 256 * 1024;
/** No byte either way for this long is a failure of the server. */
const IDLE_TIMEOUT_MS = 60_000;

/**
 * One keep-alive HTTP/1.1 connection to a port of this machine, one request at a time, without pipelining.
 * It exists because the client shares two cores with the server that it measures: one reused read buffer, vectored
 * writes, and no header object make it several times cheaper than a general client.
 */
export class Connection {
  readonly #port: number;
  readonly #record: RecordRequest;
  readonly #beside = new Map<number, Connection>();
  #socket: Socket | null = null;
  #exchange: Exchange | null = null;
  #wakeWriter: (() => void) | null = null;

  constructor(port: number, record: RecordRequest = () => {}) {
    this.#port = port;
    this.#record = record;
  }

  /** Opens the socket, so that a timed request needn't. */
  async open(): Promise<void> {
    if (this.#socket !== null) return;
    await new Promise<void>((resolve, reject) => {
      const onread = { buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES), callback: this.#onRead };
      const socket = connect({ host: LOOPBACK, port: this.#port, noDelay: true, onread });
      let failure = new Error('the server closed the connection before its reply was whole');
      socket.setTimeout(IDLE_TIMEOUT_MS, () => socket.destroy(new Error(`no byte moved for ${IDLE_TIMEOUT_MS} ms`)));
      socket.on('connect', resolve);
      socket.on('drain', () => this.#wakeWriter?.());
      socket.on('error', (error) => {
        failure = error;
      });
      socket.on('close', () => {
        reject(failure);
        // A socket that was given up says so late, when the next one may already be at work.
        if (this.#socket !== socket) return;
        this.#socket = null;
        this.#fail(failure);
      });
      this.#socket = socket;
    });
  }

  /** Sends one request and returns its whole reply, whatever its status. Throws when the connection breaks. */
  async request(request: HttpRequest): Promise<Reply> {
    await this.open();
    const startedAtMs = performance.now();
    const reply = await this.#exchangeOn(this.#openSocket(), request);
    this.#record(request.step, performance.now() - startedAtMs);
    return reply;
  }

  /** A connection to another port of this machine, to which this one's server may send its clients; closed with this one. */
  beside(port: number): Connection {
    if (port === this.#port) return this;
    const connection = this.#beside.get(port) ?? new Connection(port, this.#record);
    this.#beside.set(port, connection);
    return connection;
  }

  close(): void {
    for (const connection of this.#beside.values()) connection.close();
    this.#socket?.destroy();
    this.#socket = null;
  }

  async #exchangeOn(socket: Socket, request: HttpRequest): Promise<Reply> {
    if (this.#exchange !== null) throw new Error('a connection takes one request at a time');
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const reader = new ReplyReader(request.method, request.take ?? 'discard');
    const exchange: Exchange = { reader, resolve, reject, bodySent: false };
    this.#exchange = exchange;
    const sent = this.#send(socket, request, exchange);
    const [reply] = await Promise.all([promise, sent]);
    // A reply that overtakes its body leaves the connection in a state no next request can use.
    if (!exchange.bodySent || /\r\nconnection: *close/i.test(reply.head)) this.close();
    return reply;
  }

  async #send(socket: Socket, request: HttpRequest, exchange: Exchange): Promise<void> {
    let unsentBytes = request.body?.lengthBytes ?? 0;
    socket.cork();
    socket.write(headOf(request, this.#port), 'latin1');
    for (const chunk of request.body?.chunks ?? []) {
      const flowing = socket.write(chunk);
      unsentBytes -= chunk.length;
      // The last chunk isn't waited for: the reply may be read before the socket's own word that it was sent.
      if (flowing || unsentBytes === 0) continue;
      socket.uncork();
      await this.#drained();
      if (this.#exchange !== exchange) return;
    }
    socket.uncork();
    exchange.bodySent = true;
  }

  async #drained(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wakeWriter = resolve;
    });
    this.#wakeWriter = null;
  }

  readonly #onRead = (bytesRead: number, buffer: Uint8Array): boolean => {
    const exchange = this.#exchange;
    if (exchange === null) {
      this.#socket?.destroy(new Error('the server sent bytes that no request asked for'));
      return false;
    }
    try {
      const reply = exchange.reader.push(Buffer.from(buffer.buffer, buffer.byteOffset, bytesRead));
      if (reply !== null) this.#settle((settled) => settled.resolve(reply));
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      this.close();
    }
    return true;
  };

  #fail(error: Error): void {
    this.#settle((exchange) => exchange.reject(error));
  }

  #settle(finish: (exchange: Exchange) => void): void {
    const exchange = this.#exchange;
    if (exchange === null) return;
    this.#exchange = null;
    finish(exchange);
    this.#wakeWriter?.();
  }

  #openSocket(): Socket {
    if (this.#socket === null) throw new Error('the connection closed between two requests');
    return this.#socket;
  }
}

function headOf(request: HttpRequest, port: number): string {
  let head = `${request.method} ${request.target} HTTP/1.1\r\nHost: ${LOOPBACK}:${port}\r\n`;
  for (const [name, value] of Object.entries(request.headers ?? {})) head += `${name}: ${value}\r\n`;
  if (request.body !== undefined) head += `Content-Length: ${request.body.lengthBytes}\r\n`;
  return `${head}\r\n`;
}
