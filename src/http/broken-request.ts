import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, ERROR_REGISTRY, type ErrorCode } from '../kernel/errors.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Logger } from '../kernel/log.ts';
import { type AuthorizeServices, identify } from './authorize.ts';
import { sendError, toAppError } from './error-mapping.ts';
import { HEADERS_OF_DATA } from './security-headers.ts';

/** A path that no route can be looked up for, before any hook has run: broken percent-encoding, or a part that is too long. */
export async function answerBrokenPath(
  log: Logger,
  authorize: AuthorizeServices,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const { method, id: requestId } = request;
  const malformed = new AppError('bad_request', 'The path of the request is malformed or too long.');
  // Who is unknown is told so first, whatever else is wrong (contract, "Order of checks").
  const failure = request.url.startsWith('/v1/')
    ? await identify(authorize, request).then(() => malformed, toAppError)
    : malformed;
  log.info({ requestId, method, status: failure.status, code: error.code }, 'request');
  reply.headers({ ...HEADERS_OF_DATA, 'x-request-id': requestId });
  return sendError(reply, failure, requestId);
}

/** How long a client may leave a connection open that its answer has closed. */
const LINGER_MS = 2_000;

type Failure = Error & { code?: string };

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

/** What came in on a connection: all that has no answer yet, in order, the last one, and what broke behind it. */
interface Connection {
  owed: Set<Exchange>;
  last?: Exchange;
  broken?: Failure;
}

/**
 * Answers what is not even HTTP, in the contract's shape, on the bare socket, which is closed behind it. Never before the answers that
 * are still owed for what came before it on the same connection: whoever counts answers there would take it for one of those.
 */
export function createBrokenRequests(ids: Ids, maximumHeaderBytes: number) {
  const connections = new WeakMap<Duplex, Connection>();

  const answer = (socket: Duplex, code: ErrorCode, message: string): void => {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    // Not at once: what the client still sends would reset the connection before it has read the answer.
    const linger = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(linger));
    socket.end(rawAnswer(code, message, ids.uuid()));
  };

  const refuse = (socket: Duplex, error: Failure): void =>
    answer(socket, 'bad_request', messageFor(error, maximumHeaderBytes));

  return {
    watch(server: Server): void {
      server.prependListener('request', (request, response) => {
        const { socket } = request;
        const connection: Connection = connections.get(socket) ?? { owed: new Set() };
        connections.set(socket, connection);
        const exchange = { request, response };
        connection.owed.add(exchange);
        connection.last = exchange;
        response.once('close', () => {
          connection.owed.delete(exchange);
          if (connection.broken !== undefined && connection.owed.size === 0) refuse(socket, connection.broken);
        });
      });
      // No proxy: without a listener, Node closes the connection and says nothing.
      server.on('connect', (_request, socket) => {
        // Node has let go of the socket: nobody else listens, and what breaks unheard ends the process.
        socket.on('error', () => socket.destroy());
        answer(socket, 'method_not_allowed', 'This server is no proxy: it knows no CONNECT.');
      });
    },

    answer(error: Failure, socket: Duplex): void {
      if (error.code === 'ECONNRESET' || !socket.writable) {
        socket.destroy();
        return;
      }
      const connection: Connection = connections.get(socket) ?? { owed: new Set() };
      const { owed, last } = connection;
      const isBodyOfLast = last?.request.complete === false;
      if (owed.size === 0 && !isBodyOfLast) refuse(socket, error);
      // What the body broke of has its answer already: a second one would be taken for that of a next request.
      else if (owed.size === 0) socket.end();
      else if (!isBodyOfLast) connection.broken = error;
      else if (owed.size === 1 && !last.response.headersSent) refuse(socket, error);
      else socket.destroy();
    },
  };
}

function messageFor({ code }: Failure, maximumHeaderBytes: number): string {
  if (code === 'HPE_HEADER_OVERFLOW') return `The headers have more than ${maximumHeaderBytes} bytes.`;
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'The request did not arrive in time.';
  return 'This is no well-formed HTTP request.';
}

const REASON_PHRASES: Readonly<Record<number, string>> = { 400: 'Bad Request', 405: 'Method Not Allowed' };

function rawAnswer(code: ErrorCode, message: string, requestId: string): string {
  const { status } = ERROR_REGISTRY[code];
  const body = JSON.stringify({ error: code, message, requestId });
  const headers = {
    connection: 'close',
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    ...HEADERS_OF_DATA,
    'x-request-id': requestId,
    ...(status === ERROR_REGISTRY.method_not_allowed.status ? { allow: '' } : {}),
    'content-length': String(Buffer.byteLength(body)),
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${REASON_PHRASES[status] ?? 'Error'}\r\n${lines.join('')}\r\n${body}`;
}
