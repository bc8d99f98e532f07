import { ArtifortressError } from '../client/errors.ts';
import { Interrupted, NotSignedIn, UsageError } from './failures.ts';

/** The exit codes; scripts rely on them, and the help lists them. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notAllowed: 3,
  notFound: 4,
  conflict: 5,
  unavailable: 6,
  interrupted: 130,
  terminated: 143,
} as const;

export const EXIT_CODES_HELP = `Exit codes:
  0 done · 1 failed · 2 wrong usage · 3 not signed in or not allowed · 4 not found
  5 conflict, or verification failed · 6 server or network unavailable · 130 interrupted`;

const EXIT_OF_ERROR_CODE: Readonly<Record<string, number>> = {
  bad_request: EXIT.usage,
  invalid_argument: EXIT.usage,
  unauthorized: EXIT.notAllowed,
  forbidden: EXIT.notAllowed,
  not_found: EXIT.notFound,
  conflict: EXIT.conflict,
  upload_verification_failed: EXIT.conflict,
  content_mismatch: EXIT.conflict,
  source_changed: EXIT.conflict,
  rate_limited: EXIT.unavailable,
  storage_access_denied: EXIT.unavailable,
  service_unavailable: EXIT.unavailable,
  insufficient_storage: EXIT.unavailable,
  network_error: EXIT.unavailable,
  timeout: EXIT.unavailable,
};

/** The exit code that a failure ends the command with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return error.signalName === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof NotSignedIn) return EXIT.notAllowed;
  if (error instanceof ArtifortressError) return EXIT_OF_ERROR_CODE[error.code] ?? EXIT.failure;
  return EXIT.failure;
}
