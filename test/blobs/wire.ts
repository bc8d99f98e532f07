import { once } from 'node:events';
import { Agent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { TestServer } from '../support/test-server.ts';

export interface Exchange {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  /** Whether the server said "100 Continue" first. */
  continued: boolean;
  /** Whether this went over a connection that another exchange had used before. */
  reusedConnection: boolean;
}

export interface ExchangeOptions {
  headers?: Record<string, string>;
  body?: Uint8Array;
  agent?: Agent;
}

/**
 * One exchange with every header exactly as it is given. With `Expect: 100-continue` the body is sent once the server asks for it;
 * where it answers instead, no byte of it is.
 */
export async function exchange(
  server: TestServer,
  method: string,
  target: string,
  options: ExchangeOptions = {},
): Promise<Exchange> {
  const { body } = options;
  const headers = {
    authorization: `Bearer ${server.adminToken}`,
    ...(body === undefined ? {} : { 'content-length': String(body.length) }),
    ...options.headers,
  };
  const request = httpRequest(new URL(target, server.url), {
    method,
    headers,
    ...(options.agent === undefined ? {} : { agent: options.agent }),
  });
  // What breaks behind the answer is heard by nobody else.
  request.on('error', () => undefined);
  let continued = false;
  if ('expect' in headers) {
    request.flushHeaders();
    request.once('continue', () => {
      continued = true;
      request.end(body);
    });
  } else {
    request.end(body);
  }
  const [response]: IncomingMessage[] = await once(request, 'response');
  if (response === undefined) throw new Error('no response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  if ('expect' in headers && !continued) request.destroy();
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    bytes: Buffer.concat(chunks),
    continued,
    reusedConnection: request.reusedSocket,
  };
}

/** One connection at a time, kept. */
export function keepAliveAgent(): Agent & Disposable {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  return Object.assign(agent, { [Symbol.dispose]: () => agent.destroy() });
}

/** The head of a request as it goes over the wire. */
export function head(
  server: Pick<TestServer, 'adminToken'>,
  method: string,
  target: string,
  headers: Record<string, string> = {},
): string {
  const all = { host: 'localhost', authorization: `Bearer ${server.adminToken}`, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A bare connection. Its errors count as its end. */
export async function openSocket(url: string, options: { paused?: boolean } = {}): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  socket.on('error', () => undefined);
  if (options.paused === true) socket.pause();
  return socket;
}

/** Sends text over a connection of its own and reads until the server closes it. */
export async function talk(url: string, text: string | Buffer): Promise<string> {
  const socket = await openSocket(url);
  socket.write(text);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('latin1');
}

/** Waits for the first bytes of an answer, then leaves the rest unread. */
export async function readFirstBytes(socket: Socket): Promise<Buffer> {
  const [first]: Buffer[] = await once(socket, 'data');
  socket.pause();
  if (first === undefined) throw new Error('no bytes');
  return first;
}
