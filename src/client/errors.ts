/** The codes that the server answers with; the contract documents each. */
export type ServerErrorCode =
  | 'bad_request'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'method_not_allowed'
  | 'conflict'
  | 'upload_verification_failed'
  | 'length_required'
  | 'payload_too_large'
  | 'unsupported_media_type'
  | 'invalid_range'
  | 'rate_limited'
  | 'storage_access_denied'
  | 'service_unavailable'
  | 'insufficient_storage'
  | 'internal_error';

/**
 * The codes that this library adds:
 * `network_error` (no answer came), `timeout` (none came in time), `invalid_response` (the answer is not the contract's),
 * `invalid_argument` (refused before anything was sent), `content_mismatch` (pulled bytes are not those of the digest),
 * `source_changed` (what is pushed gave another number of bytes than it said), `store_refused` (the object store refused a part),
 * `client_outdated` (the server asks for a step that this version does not know).
 */
export type ClientErrorCode =
  | 'network_error'
  | 'timeout'
  | 'invalid_response'
  | 'invalid_argument'
  | 'content_mismatch'
  | 'source_changed'
  | 'store_refused'
  | 'client_outdated';

export type ErrorCode = ServerErrorCode | ClientErrorCode;

const SERVER_CODE_OF_STATUS: Readonly<Record<number, ServerErrorCode>> = {
  400: 'bad_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  409: 'conflict',
  411: 'length_required',
  413: 'payload_too_large',
  415: 'unsupported_media_type',
  416: 'invalid_range',
  429: 'rate_limited',
  500: 'internal_error',
  502: 'service_unavailable',
  503: 'service_unavailable',
  504: 'service_unavailable',
  507: 'insufficient_storage',
};

/** The code that a status stands for where the answer itself names none (a `HEAD`, a proxy in between). */
export function codeOfStatus(status: number): ErrorCode {
  return SERVER_CODE_OF_STATUS[status] ?? 'invalid_response';
}

export interface ArtifortressErrorDetails {
  /** One of `ErrorCode`, or a code that a newer server added. */
  code: string;
  message: string;
  status?: number | null;
  requestId?: string | null;
  /** What the code documents beyond the message, such as `actualDigest`. */
  fields?: Readonly<Record<string, unknown>>;
  retryAfterMs?: number | null;
  cause?: unknown;
}

/** Every failure that this library reports, except an abort: then the signal's own reason is thrown. */
export class ArtifortressError extends Error {
  override readonly name = 'ArtifortressError';
  /** What to branch on: an `ErrorCode`, or a code that a newer server added. */
  readonly code: string;
  /** The HTTP status; null where no answer came. */
  readonly status: number | null;
  /** What the server's operator finds this request by; null where no answer came. */
  readonly requestId: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number | null;

  constructor(details: ArtifortressErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.status = details.status ?? null;
    this.requestId = details.requestId ?? null;
    this.fields = details.fields ?? {};
    this.retryAfterMs = details.retryAfterMs ?? null;
  }
}

/** Refuses an argument before anything is sent. */
export function invalidArgument(message: string): ArtifortressError {
  return new ArtifortressError({ code: 'invalid_argument', message });
}
