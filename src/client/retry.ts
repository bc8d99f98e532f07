import { ArtifortressError } from './errors.ts';
import type { Runtime } from './runtime.ts';

/** The bounds of trying again. */
export interface RetryPolicy {
  /** Tries in all, the first included. */
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** A server that asks for a longer wait than this is taken at its word: the error goes to the caller. */
  readonly maxRetryAfterMs: number;
}

/** Rides out a restart of the server (a few seconds) without making a dead address look like a hang. */
export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  maxAttempts: 6,
  baseDelayMs: 250,
  maxDelayMs: 8_000,
  maxRetryAfterMs: 60_000,
};

/**
 * What may be repeated: `always` where a second time changes nothing (the contract says so of the step); `refused` where
 * only an answer that proves that nothing was done (429) allows it, such as issuing a token.
 */
export type Repeat = 'always' | 'refused';

const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 429, 502, 503, 504]);

/** Whether the same request can be expected to go better a little later. */
export function isRepeatable(error: unknown, repeat: Repeat): error is ArtifortressError {
  if (!(error instanceof ArtifortressError)) return false;
  if (repeat === 'refused') return error.status === 429;
  if (error.code === 'network_error' || error.code === 'timeout') return true;
  return error.status !== null && PASSING_STATUSES.has(error.status);
}

/**
 * How long to wait before try number `attempt + 1`, in milliseconds; null to give up. Doubles up to a bound, its upper
 * half random, so that clients cut off together do not come back together. A server's `Retry-After` is a least time.
 */
export function retryDelayMs(
  attempt: number,
  retryAfterMs: number | null,
  policy: RetryPolicy,
  random: () => number,
): number | null {
  if (attempt >= policy.maxAttempts) return null;
  const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
  if (retryAfterMs === null) return ceiling / 2 + (random() * ceiling) / 2;
  if (retryAfterMs > policy.maxRetryAfterMs) return null;
  return retryAfterMs + random() * policy.baseDelayMs;
}

/** `Retry-After` in milliseconds, from seconds or an HTTP date (RFC 9110 §10.2.3); null where absent or unreadable. */
export function parseRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  const trimmed = value.trim();
  if (/^\d+$/.test(trimmed)) return Number(trimmed) * 1000;
  const at = Date.parse(trimmed);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

export interface RetryContext {
  readonly runtime: Pick<Runtime, 'random' | 'sleep'>;
  readonly policy: RetryPolicy;
  readonly signal: AbortSignal | undefined;
}

/** Runs an operation until it succeeds, fails for good, or the policy's bound is reached; then throws its last error. */
export async function retrying<T>(
  context: RetryContext,
  mayRepeat: (error: unknown) => error is ArtifortressError,
  operation: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation();
    } catch (error) {
      if (!mayRepeat(error)) throw error;
      const delayMs = retryDelayMs(attempt, error.retryAfterMs, context.policy, context.runtime.random);
      if (delayMs === null) throw error;
      await context.runtime.sleep(delayMs, context.signal);
    }
  }
}
