import { z } from 'zod';
import { type App, access } from '../http/app.ts';
import { answers } from '../http/schemas.ts';
import { pageSchema } from '../kernel/page.ts';
import { toTimestamp } from '../kernel/parse.ts';
import type { Services } from '../services.ts';
import { jwkOf, keyObjectOf } from './model.ts';
import { listKeys } from './store.ts';

const keySchema = z.object({
  keyId: z.string().describe('The JWK thumbprint (RFC 7638); signatures name it.'),
  algorithm: z.literal('Ed25519'),
  createdAtUtc: z.string(),
  jwk: z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() }),
  pem: z.string(),
});

export function registerKeyRoutes(app: App, services: Services): void {
  app.get(
    '/v1/keys',
    {
      config: { access: access.public },
      schema: {
        tags: ['audit'],
        summary: 'The public keys that seal the audit trail and sign receipts, newest first',
        description: 'Keep a copy: what was signed is verified offline with it. Keys of the past stay.',
        response: answers({ 200: pageSchema(keySchema) }),
      },
    },
    async () => {
      const keys = await listKeys(services.db);
      const items = keys.map(({ keyId, publicKey, createdAt }) => ({
        keyId,
        algorithm: 'Ed25519' as const,
        createdAtUtc: toTimestamp(createdAt),
        jwk: jwkOf(publicKey),
        pem: String(keyObjectOf(publicKey).export({ format: 'pem', type: 'spki' })),
      }));
      return { items, nextCursor: null };
    },
  );
}
