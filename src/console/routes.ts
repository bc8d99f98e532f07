import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type App, access } from '../http/app.ts';
import { answers, bodyOf, noBody } from '../http/schemas.ts';
import { CONSOLE_PATH } from '../http/security-headers.ts';
import { AppError, messageOf } from '../kernel/errors.ts';
import type { Services } from '../services.ts';
import { type ConsoleAsset, type ConsoleAssets, chooseCoding, loadConsole } from './assets.ts';
import { contentSecurityPolicy } from './content-security-policy.ts';

/** A URL that names the version of its content never gets another one. */
const FOR_EVER = 'public, max-age=31536000, immutable';
/** Kept, but asked for each time whether it is still the same. */
const ASK_FIRST = 'no-cache';

export interface ConsoleOptions {
  /** Where browsers send the bytes of parts, beside this server. */
  uploadOrigins: readonly string[];
}

/** The web console: a page, and what it loads. It asks nobody who they are: it holds nothing, and shows what the API tells its user. */
export function registerConsoleRoutes(app: App, services: Services, { uploadOrigins }: ConsoleOptions): void {
  const { log, publicUrl } = services;
  let loading: Promise<ConsoleAssets> | undefined;

  /** Made at the first request, so that no start waits for it; after a failure it is tried again. */
  function load(): Promise<ConsoleAssets> {
    loading ??= loadConsole().catch((error: unknown) => {
      loading = undefined;
      log.error({ error: messageOf(error) }, 'the console is not available');
      throw new AppError('service_unavailable', 'The console is not part of this installation: run "npm run build".', {
        cause: error,
      });
    });
    return loading;
  }

  app.get(
    CONSOLE_PATH,
    {
      config: { access: access.public },
      schema: {
        tags: ['operations'],
        summary: 'The web console',
        response: answers({ 200: bodyOf('text/html', 'The page.'), 304: noBody }),
      },
    },
    async (request, reply) => {
      const { page } = await load();
      reply.header('content-security-policy', contentSecurityPolicy([publicUrl(), ...uploadOrigins]));
      return sendAsset(request, reply, page, ASK_FIRST);
    },
  );

  app.get(
    `${CONSOLE_PATH}/assets/:name`,
    {
      config: { access: access.public },
      schema: {
        tags: ['operations'],
        summary: 'What the page of the console loads',
        params: z.object({ name: z.string().max(100) }),
        querystring: z.object({ v: z.string().optional().describe('The version of the content.') }),
        response: answers({ 200: bodyOf('application/octet-stream', 'A script or a style sheet.'), 304: noBody }),
      },
    },
    async (request, reply) => {
      const { files } = await load();
      const asset = files.get(request.params.name);
      if (asset === undefined) throw new AppError('not_found', `The console has no file "${request.params.name}".`);
      // A worker is held to the policy of its own script, not to that of the page.
      reply.header('content-security-policy', contentSecurityPolicy([]));
      return sendAsset(request, reply, asset, request.query.v === asset.version ? FOR_EVER : ASK_FIRST);
    },
  );
}

function sendAsset(request: FastifyRequest, reply: FastifyReply, asset: ConsoleAsset, caching: string): FastifyReply {
  const coding = chooseCoding(request.headers['accept-encoding']);
  const body = asset.bodies[coding];
  // Another coding is another representation (RFC 9110 §8.8.3.3).
  const etag = `"${asset.version}-${coding}"`;
  reply.headers({ etag, 'cache-control': caching, vary: 'Accept-Encoding' });
  if (request.headers['if-none-match'] === etag) return reply.code(304).send(undefined);
  if (coding !== 'identity') reply.header('content-encoding', coding);
  return reply.code(200).header('content-type', asset.contentType).send(body);
}
