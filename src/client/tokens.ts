import { itemsOf } from './pages.ts';
import { parseIssuedToken, parsePage, parseRevokedToken, parseTokenRecord } from './responses.ts';
import type { Transport } from './transport.ts';
import type { CallOptions, IssuedToken, Page, PageOptions, RevokedToken, TokenRecord } from './types.ts';

export interface IssueTokenRequest extends CallOptions {
  readonly subject: string;
  /** `repo:<repoKey|*>:<role>`; empty derives them from the subject's role bindings. */
  readonly scopes: readonly string[];
  readonly ttlMinutes: number;
  /** The installation's own secret, instead of a token: how the first token is made. */
  readonly bootstrapToken?: string | undefined;
}

export interface TokensApi {
  /** Never repeated after a lost reply: the secret in it would be lost, and a second token would stay behind. */
  issue(request: IssueTokenRequest): Promise<IssuedToken>;
  /** A short token for a JWT of an issuer that the server trusts, such as that of a CI job. Never repeated, as `issue`. */
  exchange(jwt: string, options?: CallOptions): Promise<IssuedToken>;
  list(options?: PageOptions & CallOptions): Promise<Page<TokenRecord>>;
  all(options?: PageOptions & CallOptions): AsyncGenerator<TokenRecord>;
  revoke(tokenId: string, options?: CallOptions): Promise<RevokedToken>;
}

const ROUTE = '/v1/auth/pats';

export function tokensApi(transport: Transport): TokensApi {
  const list: TokensApi['list'] = ({ limit, cursor, signal } = {}) =>
    transport.json(
      { method: 'GET', path: ROUTE, query: { limit, cursor }, repeat: 'always', signal },
      parsePage(parseTokenRecord),
    );
  return {
    issue: ({ subject, scopes, ttlMinutes, bootstrapToken, signal }) =>
      transport.json(
        {
          method: 'POST',
          path: ROUTE,
          json: { subject, scopes, ttlMinutes },
          headers: bootstrapToken === undefined ? {} : { 'x-bootstrap-token': bootstrapToken },
          repeat: 'refused',
          signal,
        },
        parseIssuedToken,
      ),
    exchange: (jwt, { signal } = {}) =>
      transport.json(
        { method: 'POST', path: '/v1/auth/oidc/exchange', json: { token: jwt }, repeat: 'refused', signal },
        parseIssuedToken,
      ),
    list,
    all: (options = {}) => itemsOf((cursor) => list({ ...options, cursor: cursor ?? options.cursor })),
    revoke: (tokenId, { signal } = {}) =>
      transport.json(
        { method: 'POST', path: `${ROUTE}/revoke`, json: { tokenId }, repeat: 'always', signal },
        parseRevokedToken,
      ),
  };
}
