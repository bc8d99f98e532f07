import type { FastifyReply, FastifyRequest } from 'fastify';
import { authenticate } from '../access/authenticate.ts';
import type { AuthenticationFailures } from '../access/failures.ts';
import type { LastUseRecorder } from '../access/last-use.ts';
import { allows, allowsSomewhere, hashSecret, type Principal, secretsMatch } from '../access/model.ts';
import { type RepoKey, repoKeySchema } from '../access/repo-key.ts';
import type { DenialRecorder } from '../audit/denials.ts';
import { ANONYMOUS_ACTOR } from '../audit/model.ts';
import { AppError, assert } from '../kernel/errors.ts';
import type { Services } from '../services.ts';
import type { Access } from './app.ts';
import { countOf } from './raw-headers.ts';

export interface AuthorizeServices extends Pick<Services, 'db' | 'clock' | 'settings'> {
  bootstrapSha256: Buffer;
  denials: DenialRecorder;
  lastUses: LastUseRecorder;
  failures: AuthenticationFailures;
}

const BEARER = /^Bearer +([^ ]+) *$/i;

/**
 * The hook that judges every request by the access that its route declares, before anything of the request but its line and its
 * headers is looked at: 401, then 403, then the rest. Every 401 that came with a secret leaves an audit row; every 403 does, by the
 * error handler.
 */
export function createAuthorizer(services: AuthorizeServices) {
  return async (request: FastifyRequest, _reply: FastifyReply): Promise<void> => {
    const need = request.routeOptions.config.access;
    // No declaration: the not-found handler, which asks nobody.
    if (need === undefined) return;
    if (await passesWithoutToken(services, need, request)) return;
    const principal = await identify(services, request);
    request.caller = { principal, requestId: request.id };
    if (!isAllowed(need, principal, request)) {
      const needed = neededRole(need);
      throw new AppError('forbidden', `This token may not do that: it takes ${needed}.`, {
        denied: { needed, reason: 'forbidden' },
      });
    }
  };
}

async function passesWithoutToken(
  services: AuthorizeServices,
  need: Access,
  request: FastifyRequest,
): Promise<boolean> {
  switch (need.kind) {
    case 'public':
    case 'signed_url':
      return true;
    case 'bootstrap_or_token':
      return await passesByBootstrap(services, request);
    case 'metrics':
      return services.settings.metricsOpen || isMetricsToken(services, request);
    case 'token':
    case 'repository':
    case 'somewhere':
    case 'everywhere':
      return false;
  }
}

/** Who asks, if it is anybody: for public routes that tell administrators more. */
export async function identifyIfAny(
  services: AuthorizeServices,
  request: FastifyRequest,
): Promise<Principal | undefined> {
  const secret = bearerOf(request);
  if (secret === undefined || services.failures.isRefused(secret)) return undefined;
  const authentication = await authenticate(services, secret);
  if (authentication.kind === 'recognised') return authentication.principal;
  services.failures.count(request.ip, secret);
  return undefined;
}

/** Who asks. @throws AppError `unauthorized`, which leaves its row where a token was sent; `rate_limited`. */
export async function identify(services: AuthorizeServices, request: FastifyRequest): Promise<Principal> {
  const { authorization } = request.headers;
  if (authorization === undefined) throw new AppError('unauthorized');
  const secret = bearerOf(request);
  services.failures.refuseToken(secret);
  const authentication =
    secret === undefined
      ? ({ kind: 'refused', reason: 'unknown', subject: undefined } as const)
      : await authenticate(services, secret);
  if (authentication.kind === 'recognised') {
    services.lastUses.note(authentication.principal.tokenId);
    return authentication.principal;
  }
  const { reason, subject } = authentication;
  services.failures.refuseAddress(request.ip);
  services.failures.count(request.ip, secret);
  await services.denials.record({
    route: routeOf(request),
    repoKey: null,
    who: subject ?? ANONYMOUS_ACTOR,
    needed: 'a valid token',
    reason,
    requestId: request.id,
  });
  throw new AppError('unauthorized', REFUSALS[reason]);
}

const REFUSALS = {
  unknown: 'This token is not known here: send one as "Authorization: Bearer <token>".',
  expired: 'This token has expired: issue a new one.',
  revoked: 'This token was revoked: issue a new one.',
} as const;

/** @throws AppError `unauthorized` for a wrong bootstrap secret, even beside a good token. */
async function passesByBootstrap(services: AuthorizeServices, request: FastifyRequest): Promise<boolean> {
  const given = request.headers['x-bootstrap-token'];
  if (given === undefined) return false;
  services.failures.refuseAddress(request.ip);
  if (typeof given === 'string' && secretsMatch(given, services.bootstrapSha256)) return true;
  services.failures.count(request.ip, undefined);
  await services.denials.record({
    route: routeOf(request),
    repoKey: null,
    who: ANONYMOUS_ACTOR,
    needed: 'the bootstrap secret',
    reason: 'wrong_bootstrap_secret',
    requestId: request.id,
  });
  throw new AppError('unauthorized', 'The bootstrap token is wrong.');
}

function isMetricsToken({ settings }: AuthorizeServices, request: FastifyRequest): boolean {
  const secret = bearerOf(request);
  return (
    settings.metricsToken !== undefined &&
    secret !== undefined &&
    secretsMatch(secret, hashSecret(settings.metricsToken))
  );
}

/** Of several nobody can say which one counts. */
function bearerOf(request: FastifyRequest): string | undefined {
  if (countOf(request.raw.rawHeaders, 'authorization') > 1) return undefined;
  return BEARER.exec(request.headers.authorization ?? '')?.[1];
}

function isAllowed(need: Access, { scopes }: Principal, request: FastifyRequest): boolean {
  switch (need.kind) {
    case 'public':
    case 'signed_url':
    case 'token':
    case 'bootstrap_or_token':
      return true;
    case 'somewhere':
      return allowsSomewhere(scopes, need.role);
    case 'everywhere':
      return allows(scopes, '*', need.role);
    case 'metrics':
      return allows(scopes, '*', 'admin');
    case 'repository':
      return allows(scopes, repositoryOf(request), need.role);
  }
}

/** The key of the path; one that can't be a key is in nobody's scopes but those on `*`, which then learn that it is malformed. */
function repositoryOf(request: FastifyRequest): string {
  assert(namedKey(request) !== undefined, 'a route that needs a role on a repository has its key');
  return repoKeyOf(request) ?? '';
}

/** The repository that a request names in its path; undefined where it names none, or what can't be a key. */
export function repoKeyOf(request: FastifyRequest): RepoKey | undefined {
  return repoKeySchema.safeParse(namedKey(request)).data;
}

function namedKey({ params }: FastifyRequest): unknown {
  return typeof params === 'object' && params !== null && 'repoKey' in params ? params.repoKey : undefined;
}

function neededRole(need: Access): string {
  switch (need.kind) {
    case 'repository':
      return `${need.role} on this repository`;
    case 'somewhere':
      return `${need.role} on some repository`;
    case 'everywhere':
      return `repo:*:${need.role}`;
    case 'metrics':
      return 'repo:*:admin or the metrics token';
    case 'public':
    case 'signed_url':
    case 'token':
    case 'bootstrap_or_token':
      return 'a valid token';
  }
}

/** Method and pattern, as the document of the API writes it; never the path itself, which may be anything. */
export function routeOf(request: FastifyRequest): string {
  const pattern = request.routeOptions.url ?? '';
  return `${request.method} ${pattern.replace(/:(\w+)/g, '{$1}')}`;
}
