import { readText } from './response-body.ts';
import { parseIdentity, parsePage, parsePublicKey, parseReadiness, parseServiceInfo } from './responses.ts';
import type { Transport } from './transport.ts';
import type { CallOptions, Identity, PublicKey, Readiness, ServiceInfo } from './types.ts';

/** Some thousand series; more is no server of ours. */
const MAX_METRICS_BYTES = 16 * 1024 * 1024;

export interface ServiceApi {
  info(options?: CallOptions): Promise<ServiceInfo>;
  /** Whether the server can work now, and which dependency is away if it cannot. Not ready is an answer, no error. */
  readiness(options?: CallOptions): Promise<Readiness>;
  whoami(options?: CallOptions): Promise<Identity>;
  /** The public keys that seal the audit trail and sign receipts, newest first. Keep a copy: what is signed is verified with it. */
  keys(options?: CallOptions): Promise<readonly PublicKey[]>;
  /** The server's metrics, in the text format of Prometheus. */
  metrics(options?: CallOptions): Promise<string>;
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
    metrics: async ({ signal } = {}) => {
      const response = await transport.open({ method: 'GET', path: '/metrics', repeat: 'always', signal });
      return await readText(response, MAX_METRICS_BYTES);
    },
  };
}
