import type { Artifortress } from '../client/artifortress.ts';
import { ArtifortressError } from '../client/errors.ts';
import type { TokenRecord } from '../client/types.ts';
import type { CliContext } from './context.ts';
import { LARGEST_PAGE, type Output } from './output.ts';

type RevocableToken = Pick<TokenRecord, 'tokenId' | 'subject' | 'scopes' | 'expiresAtUtc' | 'revokedAtUtc'>;

/** `artifortress token revoke --dry-run`: which token would be revoked. Nothing is changed. */
export async function previewTokenRevoke(
  { signal }: CliContext,
  client: Artifortress,
  wantedId: string,
  output: Output,
): Promise<void> {
  const found = await findToken(client, wantedId.toLowerCase(), signal);
  const { tokenId, subject, scopes, expiresAtUtc, revokedAtUtc } = found;
  const token = `${tokenId} of ${subject} (${scopes.join(' ') || 'no scope'}, until ${expiresAtUtc})`;
  output.result({ dryRun: true, tokenId, subject, scopes, expiresAtUtc, revokedAtUtc }, [
    revokedAtUtc === null
      ? `The token ${token} would be revoked.`
      : `The token ${token} is revoked since ${revokedAtUtc}: nothing would be changed.`,
  ]);
}

/** One's own is known to its bearer; to look for another in the list takes `repo:*:admin`. */
async function findToken(client: Artifortress, tokenId: string, signal: AbortSignal): Promise<RevocableToken> {
  const own = await client.service.whoami({ signal });
  if (own.tokenId === tokenId) return { ...own, revokedAtUtc: null };
  for await (const token of client.tokens.all({ limit: LARGEST_PAGE, signal })) {
    if (token.tokenId === tokenId) return token;
  }
  throw new ArtifortressError({ code: 'not_found', message: `There is no token ${tokenId}.`, status: 404 });
}
