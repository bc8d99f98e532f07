import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../kernel/database.ts';
import { hashSecret, intersect, isTokenSecret, type Principal, type Scope, scopeSchema } from './model.ts';
import { findPresentedToken, type PresentedToken } from './token-store.ts';

export type Authentication =
  | { kind: 'recognised'; principal: Principal }
  /** `subject` is known where the token was once good. */
  | { kind: 'refused'; reason: 'unknown' | 'expired' | 'revoked'; subject: string | undefined };

/**
 * Recognises a bearer token, by the database and so as of this very moment: a revoked token, a removed binding and a deleted
 * repository bite on the next request, on every replica.
 */
export async function authenticate(services: { db: Database; clock: Clock }, secret: string): Promise<Authentication> {
  if (!isTokenSecret(secret)) return { kind: 'refused', reason: 'unknown', subject: undefined };
  const token = await findPresentedToken(services.db, hashSecret(secret));
  if (token === undefined) return { kind: 'refused', reason: 'unknown', subject: undefined };
  if (token.revoked) return { kind: 'refused', reason: 'revoked', subject: token.subject };
  if (token.expiresAt <= services.clock.now()) return { kind: 'refused', reason: 'expired', subject: token.subject };
  const own = parseScopes(token.scopes);
  return { kind: 'recognised', principal: { ...token, scopes: scopesInForce(token, own) } };
}

function scopesInForce(token: PresentedToken, own: Scope[]): Scope[] {
  if (token.bindingScopes === null) return own;
  const fromBindings = parseScopes(token.bindingScopes);
  return token.scoped ? intersect(fromBindings, own) : fromBindings;
}

function parseScopes(texts: readonly string[]): Scope[] {
  return texts.map((text) => scopeSchema.parse(text));
}
