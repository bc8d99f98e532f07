import { parseIdentity, parsePage, parsePublicKey, parseReadiness, parseServiceInfo } from './responses.ts';
import type { Transport } from './transport.ts';
import type { CallOptions, Identity, PublicKey, Readiness, ServiceInfo } from './types.ts';

export interface ServiceApi {
  info(options?: CallOptions): Promise<ServiceInfo>;
  /** Whether the server can work now, and which dependency is away if it cannot. Not ready is an answer, no error. */
  readiness(options?: CallOptions): Promise<Readiness>;
  whoami(options?: CallOptions): Promise<Identity>;
  /** The public keys that seal the audit trail and sign receipts, newest first. Keep a copy: what is signed is verified with it. */
  keys(options?: CallOptions): Promise<readonly PublicKey[]>;
}

export function serviceApi(transport: Transport): ServiceApi {
  return {
    info: ({ signal } = {}) => transport.json({ method: 'GET', path: '/', repeat: 'always', signal }, parseServiceInfo),
    readiness: async ({ signal } = {}) => {
      const answer = await transport.jsonAnswer(
        { method: 'GET', path: '/health/ready', repeat: 'always', alsoAccept: 503, signal },
        parseReadiness,
      );
      return { ready: answer.status === 200, ...answer.value };
    },
    whoami: ({ signal } = {}) =>
      transport.json({ method: 'GET', path: '/v1/auth/whoami', repeat: 'always', signal }, parseIdentity),
    keys: async ({ signal } = {}) => {
      const spec = { method: 'GET', path: '/v1/keys', repeat: 'always', signal } as const;
      return (await transport.json(spec, parsePage(parsePublicKey))).items;
    },
  };
}
