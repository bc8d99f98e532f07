import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Settings } from '../kernel/settings.ts';
import { addressGroup } from './address-group.ts';
import { createFailureLimiter } from './failure-limiter.ts';
import { isTokenSecret } from './model.ts';

/** `aft_` and eight characters: tells one token from another, and is of no use to anybody. */
const PREFIX_CHARACTERS = 12;

/**
 * Bounds guesses at secrets, by the address that they come from and by the beginning of the token. A good token is let in whatever its
 * address has done: a job with an old token must not lock out everybody behind the same gateway.
 */
export interface AuthenticationFailures {
  /** @throws AppError `rate_limited` where this token was refused too often: it is not looked up again for a while. */
  refuseToken(secret: string | undefined): void;
  /** The same, told instead of thrown, for routes that are open to all. */
  isRefused(secret: string): boolean;
  /** @throws AppError `rate_limited` where too many guesses came from this address. */
  refuseAddress(address: string): void;
  count(address: string, secret: string | undefined): void;
}

export function createAuthenticationFailures(clock: Clock, settings: Settings): AuthenticationFailures {
  const byAddress = createFailureLimiter(clock, settings.authFailuresPerMinute);
  const byToken = createFailureLimiter(clock, settings.tokenFailuresPerMinute);
  const waitOf = (secret: string | undefined): number => {
    const prefix = prefixOf(secret);
    return prefix === undefined ? 0 : byToken.waitSeconds(prefix);
  };
  return {
    refuseToken(secret) {
      refuse(waitOf(secret), 'This token was refused too often');
    },
    isRefused: (secret) => waitOf(secret) > 0,
    refuseAddress(address) {
      refuse(byAddress.waitSeconds(addressGroup(address)), 'Too many failed attempts came from this address');
    },
    count(address, secret) {
      byAddress.count(addressGroup(address));
      const prefix = prefixOf(secret);
      if (prefix !== undefined) byToken.count(prefix);
    },
  };
}

/** What can't be a token of ours has none. */
function prefixOf(secret: string | undefined): string | undefined {
  return secret !== undefined && isTokenSecret(secret) ? secret.slice(0, PREFIX_CHARACTERS) : undefined;
}

function refuse(waitSeconds: number, what: string): void {
  if (waitSeconds === 0) return;
  throw new AppError('rate_limited', `${what}: wait as Retry-After says, and check the token.`, {
    retryAfterSeconds: waitSeconds,
  });
}
