import type { ServerOptions as HttpServerOptions } from 'node:http';
import type { SecureContextOptions } from 'node:tls';
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { registerOidcRoute } from '../access/oidc-routes.ts';
import { registerBindingRoutes, registerTokenRoutes } from '../access/routes.ts';
import type { JwtVerifier } from '../access/verify-jwt.ts';
import { registerAuditRoutes } from '../audit/routes.ts';
import { registerReceiptRoute } from '../blobs/receipt-routes.ts';
import { registerBlobRoutes, registerPutBlobRoute } from '../blobs/routes.ts';
import { registerConsoleRoutes } from '../console/routes.ts';
import { AppError } from '../kernel/errors.ts';
import { withoutSecrets } from '../kernel/redact.ts';
import { registerKeyRoutes } from '../keys/routes.ts';
import { registerRepositoryRoutes } from '../repositories/routes.ts';
import type { Services } from '../services.ts';
import { type PartContentOptions, registerPartContentRoute } from '../uploads/part-content-routes.ts';
import { registerSessionRoutes } from '../uploads/routes.ts';
import { registerTransitionRoutes } from '../uploads/transition-routes.ts';
import { type Admission, boundRequests } from './admission.ts';
import { type App, access } from './app.ts';
import { type AuthorizeServices, createAuthorizer } from './authorize.ts';
import { awaitContinue } from './await-continue.ts';
import { answerBrokenPath, createBrokenRequests } from './broken-request.ts';
import { allowOrigins } from './cors.ts';
import { createErrorHandler, sendError } from './error-mapping.ts';
import { boundJsonBodies, parseJsonBodies } from './json-body.ts';
import { DOCS_PATH, registerOpenApi } from './openapi.ts';
import { registerOperationsRoutes } from './operations-routes.ts';
import { refuseAmbiguousHead } from './raw-headers.ts';
import { createRouteTable, type RouteTable } from './route-table.ts';
import { setSecurityHeaders } from './security-headers.ts';
import { traceRequests } from './trace-requests.ts';
import { boundUnreadBodies } from './unread-bodies.ts';

/** Bodies of JSON routes, unless a route says otherwise. */
const JSON_BODY_LIMIT_BYTES = 1024 ** 2;
/** A connection on which nothing moves for this long is closed, whoever is the slow one. */
const SOCKET_IDLE_MS = 120_000;
/** How often slow heads are looked for. */
const HEADERS_CHECK_MS = 1_000;
const KEEP_ALIVE_MS = 72_000;
const MAXIMUM_HEADER_BYTES = 16 * 1024;
/** No path is longer, so that every part of one gets to its route, which then says what is wrong with it. */
const PATH_PARAMETER_LIMIT = MAXIMUM_HEADER_BYTES;

export interface ServerOptions {
  version: string;
  authorize: AuthorizeServices;
  jwts: JwtVerifier;
  admission: Admission;
  /** Serve HTTPS with these; undefined: HTTP. */
  tls: SecureContextOptions | undefined;
  /** Where the store's part URLs point at this server; undefined where they point at the store. */
  partContent: PartContentOptions | undefined;
  /** Where the store's part URLs point, as addresses; empty where that is this server. */
  uploadOrigins: readonly string[];
  isAccepting: () => boolean;
}

export interface HttpServer {
  app: App;
  routeTable: RouteTable;
}

/** Builds the server with every route; it listens once it is told to. */
export async function createServer(services: Services, options: ServerOptions): Promise<HttpServer> {
  const routeTable = createRouteTable();
  const brokenRequests = createBrokenRequests(services.ids, MAXIMUM_HEADER_BYTES);
  const app: App = fastify({
    genReqId: () => services.ids.uuid(),
    bodyLimit: JSON_BODY_LIMIT_BYTES,
    trustProxy: services.settings.trustedProxies ?? false,
    routerOptions: { maxParamLength: PATH_PARAMETER_LIMIT },
    connectionTimeout: SOCKET_IDLE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // A large body may take its time: what bounds it is that something moves (connectionTimeout).
    requestTimeout: 0,
    // A request without Host is refused here, and not by Node in a shape of its own.
    ...listening(
      {
        maxHeaderSize: MAXIMUM_HEADER_BYTES,
        headersTimeout: services.settings.headersTimeoutSeconds * 1000,
        connectionsCheckingInterval: HEADERS_CHECK_MS,
        requireHostHeader: false,
        // Whatever NODE_OPTIONS say.
        insecureHTTPParser: false,
      },
      options.tls,
    ),
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: (error, socket) => brokenRequests.answer(error, socket),
    frameworkErrors: (error, request, reply) =>
      void answerBrokenPath(services.log, options.authorize, error, request, reply),
  }).withTypeProvider<ZodTypeProvider>();

  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest('caller', null);
  app.decorateRequest('awaitsContinue', false);
  collectRoutes(app, routeTable);
  setSecurityHeaders(app, services.settings);
  observe(app, services, options.isAccepting);
  traceRequests(app, services.tracer);
  boundRequests(app, options.admission);
  parseJsonBodies(app);
  brokenRequests.watch(app.server);
  awaitContinue(app);
  boundUnreadBodies(app, options.isAccepting);
  boundJsonBodies(app, services.settings.jsonBodyTimeoutSeconds);
  allowOrigins(app, services.settings.corsOrigins);
  refuseUnroutable(app, routeTable);
  app.addHook('onRequest', createAuthorizer(options.authorize));
  app.setErrorHandler(createErrorHandler(services.log, options.authorize.denials));
  // For what a route itself does not find: the others were refused before their bodies were read.
  app.setNotFoundHandler(async (request, reply) => sendError(reply, new AppError('not_found'), request.id));

  await registerOpenApi(app, options.version);
  registerOperationsRoutes(app, services, options);
  registerTokenRoutes(app, services);
  registerBindingRoutes(app, services);
  registerOidcRoute(app, { ...options.authorize, ...services, jwts: options.jwts });
  registerRepositoryRoutes(app, services);
  registerSessionRoutes(app, services);
  registerTransitionRoutes(app, services);
  registerBlobRoutes(app, services);
  registerReceiptRoute(app, services);
  registerAuditRoutes(app, services);
  registerKeyRoutes(app, services);
  registerConsoleRoutes(app, services, options);
  await registerStreamingRoutes(app, services, options);
  await app.ready();
  return { app, routeTable };
}

/** What the framework makes its server of. Its types tell the two kinds of server apart; nothing here does. */
function listening(limits: HttpServerOptions, tls: SecureContextOptions | undefined): { http: HttpServerOptions } {
  if (tls === undefined) return { http: limits };
  const secure: unknown = { https: { ...limits, ...tls } };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an HTTPS server offers all that an HTTP one does
  return secure as { http: HttpServerOptions };
}

function pathOf(request: Pick<FastifyRequest, 'url'>): string {
  return request.url.split('?', 1)[0] ?? request.url;
}

/** A route that declares no access fails the start. The pages of the API's documentation come from a plugin and are for everyone. */
function collectRoutes(app: App, table: RouteTable): void {
  app.addHook('onRoute', (route) => {
    if (route.url.startsWith(DOCS_PATH)) route.config = { ...route.config, access: access.public };
    for (const method of [route.method].flat()) table.add(method, route.url, route.config?.access);
  });
}

/** Every answer carries its request's id; every request leaves a line in the log, without its query, and an observation. */
function observe(app: App, services: Services, isAccepting: () => boolean): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    // Of a server that stops: the client's next request is for another one (RFC 9112 §9.6).
    if (!isAccepting()) reply.header('connection', 'close');
    // Timed here: the framework's own times stay 0 unless it logs. Not its onResponse either, which doesn't come where the client
    // goes away in the middle of an answer.
    const startedMs = performance.now();
    reply.raw.once('close', () => noteRequest(services, request, reply, performance.now() - startedMs));
    done();
  });
}

function noteRequest(
  { metrics, log }: Services,
  request: FastifyRequest,
  reply: FastifyReply,
  durationMs: number,
): void {
  const { method } = request;
  const isWhole = reply.raw.writableFinished;
  metrics.observeRequest({
    method,
    route: request.routeOptions.url ?? 'none',
    status: isWhole ? reply.raw.statusCode : null,
    durationMs,
  });
  log.info(
    {
      requestId: request.id,
      method,
      path: withoutSecrets(pathOf(request)),
      status: reply.raw.statusCode,
      ...(isWhole ? {} : { aborted: true }),
      durationMs: Math.round(durationMs * 10) / 10,
      subject: request.caller?.principal.subject,
      traceId: request.span?.traceId,
    },
    'request',
  );
}

/** Refuses, before anything else is looked at, what has no route, and what is no plain request of HTTP/1.1 or 1.0. */
function refuseUnroutable(app: App, routeTable: RouteTable): void {
  app.addHook('onRequest', async (request) => {
    refuseAmbiguousHead(request.raw);
    if (!request.is404) return;
    const methods = routeTable.methodsFor(pathOf(request));
    if (methods.length === 0) {
      throw new AppError('not_found', 'There is no such route: GET /docs shows those that there are.');
    }
    const allow = methods.join(', ');
    throw new AppError('method_not_allowed', `This route takes ${allow}.`, { headers: { allow } });
  });
}

/** Routes whose handlers read the body from the connection themselves, whatever it calls itself. */
async function registerStreamingRoutes(app: App, services: Services, options: ServerOptions): Promise<void> {
  await app.register((scope, _options, done) => {
    const streaming: App = scope.withTypeProvider<ZodTypeProvider>();
    streaming.removeAllContentTypeParsers();
    streaming.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null, undefined));
    // The framework refuses a Content-Type that it can't parse, before it looks for a parser.
    streaming.addHook('onRequest', (request, _reply, done) => {
      delete request.raw.headers['content-type'];
      done();
    });
    registerPutBlobRoute(streaming, services);
    if (options.partContent !== undefined) registerPartContentRoute(streaming, services, options.partContent);
    done();
  });
}
