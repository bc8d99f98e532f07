import { parseIdentity, parseReadiness, parseServiceInfo } from './responses.ts';
import type { Transport } from './transport.ts';
import type { CallOptions, Identity, Readiness, ServiceInfo } from './types.ts';

export interface ServiceApi {
  info(options?: CallOptions): Promise<ServiceInfo>;
  /** Whether the server can work now, and which dependency is away if it cannot. Not ready is an answer, no error. */
  readiness(options?: CallOptions): Promise<Readiness>;
  whoami(options?: CallOptions): Promise<Identity>;
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
  };
}
