import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './app.ts';

/** What a client has to read to upload, to resume and to retry. */
const EXPOSED = [
  'Accept-Ranges',
  'Content-Length',
  'Content-Range',
  'ETag',
  'Location',
  'Repr-Digest',
  'Retry-After',
  'X-Request-Id',
].join(', ');
const METHODS = 'GET, HEAD, POST, PUT, DELETE';
/** The last one is that of a part whose URL binds its checksum. */
const HEADERS =
  'Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range, X-Bootstrap-Token, X-Amz-Checksum-Sha256';
/** How long a browser may remember what it was told: the longest that all of them take. */
const PREFLIGHT_SECONDS = '7200';

/**
 * Lets pages of these origins call the server (Fetch Standard, "CORS protocol"); of others the browser keeps every answer to itself.
 * Credentials are no cookies here but tokens that a page has to send itself, so that `*` gives nothing away.
 */
export function allowOrigins(app: App, origins: readonly string[] | undefined): void {
  if (origins === undefined) return;
  const any = origins.includes('*');
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    if (!any) reply.header('vary', 'Origin');
    if (origin === undefined || !(any || origins.includes(origin))) return undefined;
    reply.header('access-control-allow-origin', any ? '*' : origin);
    reply.header('access-control-expose-headers', EXPOSED);
    return isPreflight(request) ? await answerPreflight(reply) : undefined;
  });
}

function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

async function answerPreflight(reply: FastifyReply): Promise<FastifyReply> {
  return await reply
    .code(204)
    .headers({
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': HEADERS,
      'access-control-max-age': PREFLIGHT_SECONDS,
    })
    .send();
}
