import type { Settings } from '../kernel/settings.ts';
import type { App } from './app.ts';
import { DOCS_PATH } from './openapi.ts';

/** Answers are data: nothing in one may run, be framed or send its address on, should a browser open it after all. */
const OF_EVERY_ANSWER = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
} as const;

/** Where the web console is. */
export const CONSOLE_PATH = '/console';

const NOTHING_RUNS = "default-src 'none'; frame-ancestors 'none'; sandbox";
const A_YEAR = 'max-age=31536000';

/** For answers that are made before there is a request to hang them on. */
export const HEADERS_OF_DATA = { ...OF_EVERY_ANSWER, 'content-security-policy': NOTHING_RUNS } as const;

/** What answers is for the caller alone and may be another thing next time; it holds tokens and signed URLs, too. Downloads say otherwise. */
const KEPT_BY_NOBODY = 'no-store';

/** Sets them before anything else has a say, so that refusals carry them too. Pages of our own have a policy of their own. */
export function setSecurityHeaders(app: App, settings: Settings): void {
  const overTls = settings.tlsCertificateFile !== undefined || settings.publicUrl?.startsWith('https:') === true;
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(OF_EVERY_ANSWER);
    // The console's routes set a policy of their own in place of this one.
    if (!request.url.startsWith(DOCS_PATH)) reply.header('content-security-policy', NOTHING_RUNS);
    if (request.url.startsWith('/v1/')) reply.header('cache-control', KEPT_BY_NOBODY);
    if (overTls) reply.header('strict-transport-security', A_YEAR);
    done();
  });
}
