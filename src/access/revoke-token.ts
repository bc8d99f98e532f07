import { recordAudit } from '../audit/store.ts';
import { AppError } from '../kernel/errors.ts';
import { attribute, type Caller, type Services } from '../services.ts';
import { allows, type TokenId } from './model.ts';
import { lockToken, markTokenRevoked } from './token-store.ts';

/**
 * Revokes a token, effective on the very next request. Repeating it changes nothing and writes no second row.
 * @throws AppError `forbidden` for somebody else's token without `repo:*:admin`; `not_found` for an administrator's typing error.
 */
export async function revokeToken(
  services: Pick<Services, 'db' | 'clock'>,
  caller: Caller,
  tokenId: TokenId,
): Promise<{ tokenId: string; status: 'revoked' }> {
  const { principal } = caller;
  const mayRevokeAny = allows(principal.scopes, '*', 'admin');
  await services.db.transaction(async (transaction) => {
    const token = await lockToken(transaction, principal.tenantId, tokenId);
    // Judged before existence is revealed: to others, a foreign token and none at all look the same.
    if (!mayRevokeAny && token?.subject !== principal.subject) {
      throw new AppError('forbidden', "Only repo:*:admin may revoke another subject's token.", {
        denied: { needed: 'repo:*:admin', reason: 'forbidden' },
      });
    }
    if (token === undefined) throw new AppError('not_found', `There is no token ${tokenId}.`);
    if (token.revokedAt !== null) return;
    const attribution = attribute(services.clock, caller);
    await markTokenRevoked(transaction, tokenId, attribution.at);
    await recordAudit(transaction, attribution, {
      action: 'auth.pat.revoked',
      resourceId: tokenId,
      repoKey: null,
      details: { subject: token.subject },
    });
  });
  return { tokenId, status: 'revoked' };
}
