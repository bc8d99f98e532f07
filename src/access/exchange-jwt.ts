import type { DenialRecorder } from '../audit/denials.ts';
import { ANONYMOUS_ACTOR, isReservedActor } from '../audit/model.ts';
import { AppError } from '../kernel/errors.ts';
import { PRINTABLE } from '../kernel/parse.ts';
import type { Services } from '../services.ts';
import type { AuthenticationFailures } from './failures.ts';
import { scopesOf, subjectOf } from './identity-providers.ts';
import { type IssuedToken, issueTo } from './issue-token.ts';
import { DEFAULT_TENANT, scopeSchema, subjectSchema } from './model.ts';
import type { JwtVerifier } from './verify-jwt.ts';

export interface ExchangeServices extends Pick<Services, 'db' | 'clock' | 'ids'> {
  jwts: JwtVerifier;
  denials: DenialRecorder;
  failures: AuthenticationFailures;
}

const EXCHANGE_ROUTE = 'POST /v1/auth/oidc/exchange';
const MINUTE_MS = 60_000;

/**
 * A token of ours for a JWT of a configured issuer, with the scopes of the rules that its claims fulfil: a CI job needs no stored secret.
 * @throws AppError `unauthorized` for a JWT that nobody stands behind; `forbidden` where no rule gives it anything.
 */
export async function exchangeJwt(
  services: ExchangeServices,
  from: { requestId: string; address: string },
  jwt: string,
): Promise<IssuedToken> {
  const { requestId, address } = from;
  services.failures.refuseAddress(address);
  const verified = await services.jwts.verify(jwt);
  if (verified === 'refused') {
    services.failures.count(address, undefined);
    await services.denials.record({
      route: EXCHANGE_ROUTE,
      repoKey: null,
      who: ANONYMOUS_ACTOR,
      needed: 'a JWT of a configured issuer',
      reason: 'unknown',
      requestId,
    });
    throw new AppError(
      'unauthorized',
      'This JWT is not accepted: its issuer, audience, signature or time is not what is configured here.',
    );
  }
  const { provider, claims } = verified;
  const named = subjectOf(provider, claims);
  const subject = subjectSchema.safeParse(named);
  // A claim that only becomes a subject by being trimmed would pass for somebody else.
  const isOwnName = subject.success && subject.data === named?.toLowerCase() && !isReservedActor(subject.data);
  const scopes = isOwnName ? scopesOf(provider, claims) : [];
  if (!subject.success || scopes.length === 0) {
    const needed = 'claims that a rule of this issuer grants scopes to';
    throw new AppError('forbidden', 'The JWT is good, but no rule here gives anything to its claims.', {
      denied: { needed, reason: 'no_rule' },
    });
  }
  const now = services.clock.now();
  return await issueTo(
    services,
    { tenantId: DEFAULT_TENANT, actor: subject.data, requestId, at: now },
    {
      subject: subject.data,
      scopes: scopes.map((scope) => scopeSchema.parse(scope)),
      expiresAt: new Date(now.getTime() + provider.ttlMinutes * MINUTE_MS),
      grant: { fromBindings: false, scopesEpoch: undefined, lineage: [] },
    },
    {
      action: 'auth.oidc.exchanged',
      // What identifies the job to its issuer; never the JWT itself.
      details: { issuer: provider.issuer, jwtSubject: recordable(claims.sub), jwtId: recordable(claims.jti) },
    },
  );
}

const MAXIMUM_RECORDED_CHARACTERS = 256;

/** A claim as the trail can hold it. */
function recordable(claim: unknown): string | null {
  return typeof claim === 'string' && PRINTABLE.test(claim) ? claim.slice(0, MAXIMUM_RECORDED_CHARACTERS) : null;
}
