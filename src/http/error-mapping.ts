import type { Socket } from 'node:net';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { DenialRecorder } from '../audit/denials.ts';
import { ANONYMOUS_ACTOR } from '../audit/model.ts';
import { AppError, type ErrorCode, messageOf } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { withoutSecrets } from '../kernel/redact.ts';
import { StoreError, type StoreErrorKind } from '../objects/errors.ts';
import { repoKeyOf, routeOf } from './authorize.ts';

/** Where nothing better is known: after how many seconds a client may try again. */
const DEFAULT_RETRY_AFTER_SECONDS = 5;

/** What each failure of a store means to a client (contract, "Conventions"). The store's own words go to the log alone. */
const STORE_ANSWERS: Readonly<Record<StoreErrorKind, { code: ErrorCode; tellsMessage: boolean }>> = {
  object_not_found: { code: 'service_unavailable', tellsMessage: false },
  access_denied: { code: 'storage_access_denied', tellsMessage: false },
  unavailable: { code: 'service_unavailable', tellsMessage: false },
  full: { code: 'insufficient_storage', tellsMessage: false },
  invalid_range: { code: 'service_unavailable', tellsMessage: false },
  checksum_mismatch: { code: 'bad_request', tellsMessage: true },
  wrong_length: { code: 'bad_request', tellsMessage: true },
  upload_gone: { code: 'conflict', tellsMessage: true },
  invalid_part: { code: 'conflict', tellsMessage: true },
};

export const errorBodySchema = z
  .looseObject({
    error: z.string().describe('A code of the error registry.'),
    message: z.string().describe('One sentence for a person.'),
    requestId: z.string().describe('Quote it when you report a problem.'),
  })
  .meta({ id: 'Error' });

/** Anything that was thrown, as what a client is told. What is not foreseen is a bug, and a 500 that tells nothing. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof StoreError) {
    const { code, tellsMessage } = STORE_ANSWERS[error.kind];
    return new AppError(code, tellsMessage ? sentence(error.message) : undefined, { cause: error });
  }
  if (hasZodFastifySchemaValidationErrors(error)) {
    return new AppError('bad_request', sentence(describe(error.validation)), { cause: error });
  }
  return fromFastify(error) ?? new AppError('internal_error', undefined, { cause: error });
}

/** Problems of a request that are told, and characters of each: a body of a thousand wrong items must not be answered by a longer one. */
const MAXIMUM_PROBLEMS = 5;
const MAXIMUM_PROBLEM_CHARACTERS = 300;

function describe(validation: readonly { instancePath: string; message?: string }[]): string {
  const problems = validation.slice(0, MAXIMUM_PROBLEMS).map(({ instancePath, message = 'is wrong' }) => {
    const field = instancePath.replace(/^\//, '').replaceAll('/', '.');
    return (field === '' ? message : `${field}: ${message}`).slice(0, MAXIMUM_PROBLEM_CHARACTERS);
  });
  const more = validation.length - problems.length;
  return [...problems, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

const FASTIFY_CODES: Readonly<Record<number, ErrorCode>> = {
  400: 'bad_request',
  404: 'not_found',
  405: 'method_not_allowed',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
};

/** Fastify's own refusals of a request: they carry a status of 4xx and a code of theirs. */
function fromFastify(error: unknown): AppError | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') return undefined;
  if (error.statusCode < 400 || error.statusCode >= 500) return undefined;
  const code = FASTIFY_CODES[error.statusCode] ?? 'bad_request';
  return new AppError(code, code === 'bad_request' ? sentence(error.message) : undefined, { cause: error });
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Answers a failure in the contract's one shape, logs what is ours to mend, and has every 403 written down. */
export function createErrorHandler(log: Logger, denials: DenialRecorder) {
  return async (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const failure = toAppError(error);
    if (failure.status >= 500 && !isClientGone(request)) logFailure(log, failure, request);
    if (failure.code === 'forbidden') {
      const { needed, reason } = failure.options.denied ?? { needed: 'more than this', reason: 'forbidden' };
      const caller = request.caller?.principal;
      // Nobody unknown fills the trail of a repository.
      const repoKey = caller === undefined ? null : (repoKeyOf(request) ?? null);
      const who = caller ?? ANONYMOUS_ACTOR;
      await denials.record({ route: routeOf(request), repoKey, who, needed, reason, requestId: request.id });
    }
    return sendError(reply, failure, request.id);
  };
}

export function sendError(reply: FastifyReply, failure: AppError, requestId: string): FastifyReply {
  const { fields, headers, retryAfterSeconds } = failure.options;
  if (failure.status === 401) reply.header('www-authenticate', 'Bearer');
  if (failure.status === 503 || failure.status === 507 || retryAfterSeconds !== undefined) {
    reply.header('retry-after', String(retryAfterSeconds ?? DEFAULT_RETRY_AFTER_SECONDS));
  }
  if (headers !== undefined) reply.headers(headers);
  return reply
    .code(failure.status)
    .header('content-type', 'application/json; charset=utf-8')
    .header('cache-control', 'no-store')
    .serializer(JSON.stringify)
    .send({ error: failure.code, message: withoutSecrets(failure.message), requestId, ...fields });
}

function isClientGone(request: FastifyRequest): boolean {
  // Node takes the socket off a request that was destroyed, whatever its types say.
  const socket: Socket | null = request.raw.socket;
  return socket === null || socket.destroyed;
}

function logFailure(log: Logger, failure: AppError, request: FastifyRequest): void {
  const cause = failure.options.cause ?? failure;
  const fields = {
    requestId: request.id,
    route: request.routeOptions.url,
    method: request.method,
    code: failure.code,
    error: messageOf(cause),
    ...(failure.code === 'internal_error' && cause instanceof Error ? { stack: cause.stack } : {}),
  };
  if (failure.code === 'internal_error') log.error(fields, 'a request failed on a bug');
  else log.warn(fields, 'a request failed on something that is away');
}
