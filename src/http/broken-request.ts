import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, ERROR_REGISTRY } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { sendError } from './error-mapping.ts';

/** A path that no route can be looked up for, before any hook has run: broken percent-encoding, or a part that is too long. */
export function answerBrokenPath(
  log: Logger,
  error: FastifyError,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const { method, id: requestId } = request;
  log.info({ requestId, method, status: ERROR_REGISTRY.bad_request.status, code: error.code }, 'request');
  reply.header('x-request-id', requestId).header('x-content-type-options', 'nosniff');
  return sendError(reply, new AppError('bad_request', 'The path of the request is malformed or too long.'), requestId);
}

/** What is not even HTTP, answered in the contract's shape on the bare socket, which is closed behind it. */
export function answerBrokenRequest(
  error: Error & { code?: string },
  socket: Socket,
  requestId: string,
  maximumHeaderBytes: number,
): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const message =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? `The headers have more than ${maximumHeaderBytes} bytes.`
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? 'The request did not arrive in time.'
        : 'This is no well-formed HTTP request.';
  const body = JSON.stringify({ error: 'bad_request', message, requestId });
  const { status } = ERROR_REGISTRY.bad_request;
  socket.end(
    `HTTP/1.1 ${status} Bad Request\r\nConnection: close\r\nContent-Type: application/json; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
