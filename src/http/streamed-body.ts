import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../kernel/errors.ts';

/** RFC 9110 §8.6. */
const CONTENT_LENGTH = /^\d+$/;

/**
 * The declared length of a streamed body, in bytes.
 * @throws AppError `length_required` without one (RFC 9110 §15.5.12), `payload_too_large` beyond the limit.
 */
export function readContentLength(headers: FastifyRequest['headers'], maximumBytes: number): number {
  const text = headers['content-length'];
  if (text === undefined) throw new AppError('length_required');
  if (!CONTENT_LENGTH.test(text)) throw new AppError('bad_request', 'The Content-Length is no number of bytes.');
  const lengthBytes = Number(text);
  if (lengthBytes > maximumBytes) {
    throw new AppError('payload_too_large', `The body may have at most ${maximumBytes} bytes here.`);
  }
  return lengthBytes;
}

/** Lets a client that waits for it send its body (RFC 9110 §10.1.1). */
export function sendContinue(request: FastifyRequest, reply: FastifyReply): void {
  if (!request.awaitsContinue) return;
  request.awaitsContinue = false;
  reply.raw.writeContinue();
}
