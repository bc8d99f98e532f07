import { type App, access, callerOf } from '../http/app.ts';
import { answers, blobParams } from '../http/schemas.ts';
import { envelopeSchema } from '../kernel/dsse.ts';
import type { Services } from '../services.ts';
import { issueReceipt } from './receipt.ts';

export function registerReceiptRoute(app: App, services: Services): void {
  app.get(
    '/v1/repos/:repoKey/blobs/:digest/receipt',
    {
      config: { access: access.repository('read') },
      schema: {
        tags: ['blobs'],
        summary: 'The custody receipt: a signed statement of how the blob came here',
        description:
          'An in-toto statement in a DSSE envelope: digest, length, repository, who, when, and how the digest was proved. "artifortress verify <file> --receipt <file>" checks it offline with a key of GET /v1/keys.',
        params: blobParams,
        response: answers({ 200: envelopeSchema }),
      },
    },
    async (request) => {
      const { repoKey, digest } = request.params;
      return await issueReceipt(services, callerOf(request).principal.tenantId, repoKey, digest);
    },
  );
}
