/**
 * The registry of every error that a client can see: its code, its HTTP status, the sentence used where the thrower gives
 * none. `docs/api.md` is held to this table by a test.
 */
export const ERROR_REGISTRY = {
  bad_request: { status: 400, sentence: 'The request is malformed.' },
  unauthorized: {
    status: 401,
    sentence: 'A valid token is needed: send it as "Authorization: Bearer <token>".',
  },
  forbidden: { status: 403, sentence: 'This token may not do that.' },
  not_found: { status: 404, sentence: 'There is nothing here.' },
  method_not_allowed: { status: 405, sentence: 'This route does not know that method.' },
  conflict: { status: 409, sentence: 'The current state does not allow this.' },
  upload_verification_failed: {
    status: 409,
    sentence: 'The uploaded bytes are not what was declared; nothing was committed.',
  },
  length_required: { status: 411, sentence: 'A streamed body needs a Content-Length header.' },
  payload_too_large: { status: 413, sentence: 'The body is larger than is allowed here.' },
  unsupported_media_type: { status: 415, sentence: 'This route takes "Content-Type: application/json".' },
  invalid_range: { status: 416, sentence: 'The requested range lies outside of this blob.' },
  rate_limited: { status: 429, sentence: 'Too many requests; wait as Retry-After says.' },
  internal_error: {
    status: 500,
    sentence: 'Something went wrong on our side; quote the request id when you report it.',
  },
  storage_access_denied: {
    status: 503,
    sentence: 'The object store refuses access to this server; its operator has to mend that. Retry later.',
  },
  service_unavailable: { status: 503, sentence: 'A service that this needs is away; retry as Retry-After says.' },
  insufficient_storage: { status: 507, sentence: 'The object store is full; nothing was committed. Retry later.' },
} as const satisfies Record<string, { status: number; sentence: string }>;

export type ErrorCode = keyof typeof ERROR_REGISTRY;

/** Why somebody was refused: a secret or a signed URL that is none or none any more, or a right that is not there. */
export type DenialReason =
  | 'unknown'
  | 'expired'
  | 'revoked'
  | 'forged'
  | 'forbidden'
  | 'no_rule'
  | 'wrong_bootstrap_secret';

export interface AppErrorOptions {
  /** Fields that the code documents, laid beside `error`, `message` and `requestId` in the body. */
  fields?: Readonly<Record<string, string | number | null>>;
  /** Response headers that the code calls for (`Content-Range`, `Allow`). */
  headers?: Readonly<Record<string, string>>;
  /** For 429, 503 and 507: after how many seconds a retry makes sense. */
  retryAfterSeconds?: number;
  /** For every 403: what the caller would have needed and why that was not there, for the trail of denials. */
  denied?: { needed: string; reason: DenialReason };
  cause?: unknown;
}

/** A failure that a client is told about, by a code of the registry. Everything else that is thrown is a bug: a 500. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly options: AppErrorOptions;

  constructor(code: ErrorCode, message?: string, options: AppErrorOptions = {}) {
    super(message ?? ERROR_REGISTRY[code].sentence, { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.options = options;
  }

  get status(): number {
    return ERROR_REGISTRY[this.code].status;
  }
}

/** The configuration or the installation is wrong: the message goes to the operator as it is, without a stack. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** A broken promise inside the program, never a client's doing. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
