import { z } from 'zod';
import { type App, access } from '../http/app.ts';
import { answers } from '../http/schemas.ts';
import { type ExchangeServices, exchangeJwt } from './exchange-jwt.ts';
import { issuedTokenSchema } from './issue-token.ts';

/** Longer than any JWT of a CI system, and short enough to be looked at by anybody. */
const MAXIMUM_JWT_CHARACTERS = 16 * 1024;

export function registerOidcRoute(app: App, services: ExchangeServices): void {
  app.post(
    '/v1/auth/oidc/exchange',
    {
      config: { access: access.public },
      schema: {
        tags: ['identity'],
        summary: 'Exchange a JWT of a configured issuer for a short token',
        description:
          'For CI jobs: no secret has to be stored. The scopes come from the rules that the claims fulfil (ARTIFORTRESS_OIDC_FILE).',
        body: z.object({ token: z.string().min(1).max(MAXIMUM_JWT_CHARACTERS).describe('The JWT.') }),
        response: answers({ 200: issuedTokenSchema }),
      },
    },
    async (request) => await exchangeJwt(services, { requestId: request.id, address: request.ip }, request.body.token),
  );
}
