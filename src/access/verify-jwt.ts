import { createRemoteJWKSet, decodeJwt, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { z } from 'zod';
import type { Clock } from '../kernel/clock.ts';
import { AppError } from '../kernel/errors.ts';
import type { Claims, IdentityProvider } from './identity-providers.ts';

const FETCH_TIMEOUT_MS = 5_000;
const MAXIMUM_DISCOVERY_BYTES = 256 * 1024;
const RETRY_SECONDS = 10;
/** How long an issuer that is away is left alone: JWTs are anybody's to send, and each would ask it again. */
const AWAY_MS = 1_000;

/** Takes a JWT's word, where one of the providers stands behind it. */
export interface JwtVerifier {
  /**
   * Signature, issuer, audience, algorithm and times (RFC 8725).
   * @throws AppError `service_unavailable` where the issuer's keys can't be fetched.
   */
  verify(token: string): Promise<{ provider: IdentityProvider; claims: Claims } | 'refused'>;
}

export function createJwtVerifier(providers: readonly IdentityProvider[], clock: Clock): JwtVerifier {
  const keysOf = new Map<string, Promise<JWTVerifyGetKey>>();
  const awaySinceMs = new Map<string, number>();

  /** Asked for once, however many JWTs come at the same time. */
  const findKeys = (provider: IdentityProvider): Promise<JWTVerifyGetKey> => {
    const known = keysOf.get(provider.issuer) ?? openKeys(provider);
    keysOf.set(provider.issuer, known);
    known.catch(() => keysOf.delete(provider.issuer));
    return known;
  };

  const verify = async (provider: IdentityProvider, token: string): Promise<Claims> => {
    const { payload } = await jwtVerify(token, await findKeys(provider), {
      issuer: provider.issuer,
      audience: provider.audience,
      algorithms: provider.algorithms,
      clockTolerance: provider.clockSkewSeconds,
      maxTokenAge: provider.maxAgeSeconds,
      requiredClaims: ['exp', 'iat', 'sub'],
      currentDate: clock.now(),
    });
    return payload;
  };

  return {
    async verify(token) {
      const issuer = unverifiedIssuer(token);
      const provider = providers.find((one) => one.issuer === issuer);
      if (provider === undefined) return 'refused';
      const sinceMs = awaySinceMs.get(provider.issuer);
      if (sinceMs !== undefined && clock.monotonicMs() - sinceMs < AWAY_MS) throw issuerIsAway();
      try {
        const claims = await verify(provider, token);
        awaySinceMs.delete(provider.issuer);
        return { provider, claims };
      } catch (error) {
        if (isRefusal(error)) return 'refused';
        awaySinceMs.set(provider.issuer, clock.monotonicMs());
        throw issuerIsAway(error);
      }
    },
  };
}

function issuerIsAway(cause?: unknown): AppError {
  return new AppError('service_unavailable', 'The keys of the issuer can not be fetched; retry later.', {
    retryAfterSeconds: RETRY_SECONDS,
    cause,
  });
}

async function openKeys(provider: IdentityProvider): Promise<JWTVerifyGetKey> {
  return createRemoteJWKSet(new URL(provider.jwksUri ?? (await discover(provider))), {
    timeoutDuration: FETCH_TIMEOUT_MS,
    cooldownDuration: provider.jwksCooldownSeconds * 1000,
    cacheMaxAge: provider.jwksMaxAgeSeconds * 1000,
  });
}

/** Only to choose whose keys the token is then verified with. */
function unverifiedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** Whether the token is to blame, and not the way to its issuer's keys. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false;
  // The bare class stands for an answer of the issuer that was no key set.
  return !(
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === 'ERR_JOSE_GENERIC'
  );
}

const discoverySchema = z.object({ issuer: z.string(), jwks_uri: z.url() });

/** Where the issuer's keys are, by its own word (OpenID Connect Discovery 1.0 §4). */
async function discover({ issuer }: IdentityProvider): Promise<string> {
  const response = await fetch(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, {
    redirect: 'error',
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    headers: { accept: 'application/json' },
  });
  if (!response.ok) throw new Error(`the discovery document of ${issuer} is answered with ${response.status}`);
  const document = discoverySchema.parse(JSON.parse(await readBounded(response)));
  // A document of another issuer would let that one speak for this one (§4.3); a key fetched in the clear is anybody's.
  if (document.issuer !== issuer) throw new Error(`the discovery document of ${issuer} is of ${document.issuer}`);
  if (issuer.startsWith('https:') && !document.jwks_uri.startsWith('https:')) {
    throw new Error(`the keys of ${issuer} are not served by https`);
  }
  return document.jwks_uri;
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAXIMUM_DISCOVERY_BYTES) throw new Error('the discovery document is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
