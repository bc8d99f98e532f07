import { ArtifortressError } from '../src/client/index.ts';

export function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause));
}

/** Whether it means that the token is no longer good. */
export function isSignedOut(error: Error): boolean {
  return error instanceof ArtifortressError && error.status === 401;
}
