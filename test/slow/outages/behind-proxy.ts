import type { Settings } from '../../../src/kernel/settings.ts';
import type { FaultProxy } from '../../support/fault-proxy.ts';
import type { TestS3Server } from '../../support/s3-global-setup.ts';
import { s3Settings } from '../../support/test-server.ts';

/** Long enough for a busy machine, short enough that a silent store is soon found out. */
const REQUEST_TIMEOUT_MS = 1_500;
const MAXIMUM_ATTEMPTS = 2;

/** Settings of a server that reaches its store through the proxy, while its clients send their parts straight to the store. */
export function behind(proxy: FaultProxy, store: TestS3Server): Partial<Settings> {
  return {
    ...s3Settings(store),
    s3Endpoint: proxy.url,
    s3PublicEndpoint: store.endpoint,
    s3RequestTimeoutMs: REQUEST_TIMEOUT_MS,
    s3MaximumAttempts: MAXIMUM_ATTEMPTS,
  };
}
