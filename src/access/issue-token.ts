import { z } from 'zod';
import { type Attribution, type AuditAction, BOOTSTRAP_ACTOR, isReservedActor } from '../audit/model.ts';
import { recordAudit } from '../audit/store.ts';
import { AppError } from '../kernel/errors.ts';
import { toTimestamp } from '../kernel/parse.ts';
import type { Services } from '../services.ts';
import {
  allows,
  covers,
  DEFAULT_TENANT,
  formatScope,
  hashSecret,
  newTokenSecret,
  type Principal,
  type Scope,
  type Subject,
} from './model.ts';
import { insertToken, listBindingScopes } from './token-store.ts';

export interface TokenRequest {
  subject: Subject;
  scopes: Scope[];
  ttlMinutes: number;
}

export const issuedTokenSchema = z.object({
  tokenId: z.string(),
  token: z.string().describe('The secret: shown this once, stored nowhere.'),
  subject: z.string(),
  scopes: z.array(z.string()),
  expiresAtUtc: z.string(),
});
export type IssuedToken = z.output<typeof issuedTokenSchema>;

/** Who issues: the holder of the bootstrap secret, or of a token. */
export type Issuer = { kind: 'bootstrap' } | { kind: 'token'; principal: Principal };

interface Grant {
  fromBindings: boolean;
  scopesEpoch: number | undefined;
  lineage: Principal['lineage'];
}

const MINUTE_MS = 60_000;

/** Tokens that stand between one and the first that it was narrowed from: all of them are looked up whenever it is used. */
const MAXIMUM_LINEAGE = 16;

/**
 * Issues a token. The bootstrap secret and `repo:*:admin` may issue anything; any other token only for its own subject, a subset
 * of its scopes and no later expiry. Such a narrowed token follows the one that it came from: it is void once that one is
 * revoked, and where that one lives by bindings, so does it.
 * @returns the token with its secret, which is shown this once and kept only as its SHA-256.
 * @throws AppError `forbidden` for more than the issuer has; `bad_request` where scopes are to come from bindings that aren't there.
 */
export async function issueToken(
  services: Pick<Services, 'db' | 'clock' | 'ids'>,
  issuer: Issuer,
  requestId: string,
  request: TokenRequest,
): Promise<IssuedToken> {
  const now = services.clock.now();
  const expiresAt = new Date(now.getTime() + request.ttlMinutes * MINUTE_MS);
  const tenantId = issuer.kind === 'token' ? issuer.principal.tenantId : DEFAULT_TENANT;
  const grant = grantOf(issuer, request, expiresAt);
  if (isReservedActor(request.subject)) {
    throw new AppError('bad_request', `subject: "${request.subject}" is a name that the audit trail keeps for itself.`);
  }
  const scopes =
    request.scopes.length > 0
      ? request.scopes.map(formatScope)
      : await listBindingScopes(services.db, tenantId, request.subject);
  if (scopes.length === 0) {
    throw new AppError(
      'bad_request',
      `No scopes were given, and no role is bound to "${request.subject}": name scopes or bind a role first.`,
    );
  }
  const actor = issuer.kind === 'token' ? issuer.principal.subject : BOOTSTRAP_ACTOR;
  const token = { subject: request.subject, scopes: request.scopes, expiresAt, grant };
  const attribution: Attribution = { tenantId, actor, requestId, at: now };
  const details = { fromBindings: grant.fromBindings };
  return { ...(await issueTo(services, attribution, token, { action: 'auth.pat.issued', details, scopes })), scopes };
}

/** Makes a token with its audit row. @param event what to write down; `scopes` where they are not those that are fixed. */
export async function issueTo(
  { db, ids }: Pick<Services, 'db' | 'ids'>,
  attribution: Attribution,
  { subject, scopes, expiresAt, grant }: { subject: Subject; scopes: Scope[]; expiresAt: Date; grant: Grant },
  event: { action: AuditAction; details: Readonly<Record<string, unknown>>; scopes?: string[] },
): Promise<IssuedToken> {
  const secret = newTokenSecret(ids.randomBytes);
  const tokenId = ids.uuid();
  const expiresAtUtc = toTimestamp(expiresAt);
  const fixed = scopes.map(formatScope);
  await db.transaction(async (transaction) => {
    await insertToken(transaction, {
      tokenId,
      tenantId: attribution.tenantId,
      subject,
      secretSha256: hashSecret(secret),
      scopes: fixed,
      ...grant,
      issuedAt: attribution.at,
      issuedBy: attribution.actor,
      expiresAt,
    });
    await recordAudit(transaction, attribution, {
      action: event.action,
      resourceId: tokenId,
      repoKey: null,
      details: { subject, scopes: event.scopes ?? fixed, ...event.details, expiresAtUtc },
    });
  });
  return { tokenId, token: secret, subject, scopes: fixed, expiresAtUtc };
}

function grantOf(issuer: Issuer, request: TokenRequest, expiresAt: Date): Grant {
  const fromBindings = request.scopes.length === 0;
  if (issuer.kind === 'bootstrap' || allows(issuer.principal.scopes, '*', 'admin')) {
    return { fromBindings, scopesEpoch: undefined, lineage: [] };
  }
  const { principal } = issuer;
  if (request.subject !== principal.subject) {
    throw refuse(
      `This token may issue tokens for its own subject, "${principal.subject}", only; for others it needs repo:*:admin.`,
    );
  }
  if (fromBindings && principal.scoped) {
    throw refuse('This token was issued with scopes: name the ones that the new token is to have.');
  }
  if (!covers(principal.scopes, request.scopes)) {
    throw refuse('A token can only be narrowed: one of the scopes asked for is not among those of this token.');
  }
  if (expiresAt > principal.expiresAt) {
    throw refuse(
      `A token can't outlive the one that issues it, which expires at ${toTimestamp(principal.expiresAt)}: ask for a shorter ttlMinutes.`,
    );
  }
  if (principal.lineage.length >= MAXIMUM_LINEAGE) {
    throw refuse(`This token was narrowed ${MAXIMUM_LINEAGE} times already: issue one from an earlier token.`);
  }
  // Scopes on "*" outlive every deletion, and bindings go with their repository: what these cover is issued as of now.
  const onEverything = principal.scopes.filter((scope) => scope.repo === '*');
  const asOfNow = principal.fromBindings || covers(onEverything, request.scopes);
  return {
    fromBindings: principal.fromBindings,
    scopesEpoch: asOfNow ? undefined : principal.scopesEpoch,
    lineage: [...principal.lineage, principal.tokenId],
  };
}

function refuse(message: string): AppError {
  return new AppError('forbidden', message, { denied: { needed: 'repo:*:admin', reason: 'forbidden' } });
}
