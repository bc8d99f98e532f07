import { sql } from 'kysely';
import { z } from 'zod';
import { allows } from '../access/model.ts';
import type { Services } from '../services.ts';
import { type App, access } from './app.ts';
import { type AuthorizeServices, identifyIfAny } from './authorize.ts';
import { createReadiness } from './readiness.ts';
import { answers, bodyOf } from './schemas.ts';

const dependencySchema = z.object({
  status: z.enum(['up', 'down']),
  detail: z.string().optional(),
  capabilities: z
    .array(z.object({ name: z.string(), supported: z.boolean(), detail: z.string(), without: z.string() }))
    .optional(),
});

const readinessSchema = z.object({
  status: z
    .enum(['ready', 'not_ready', 'draining'])
    .describe('not_ready: a dependency is down; draining: the server was asked to stop.'),
  dependencies: z.record(z.string(), dependencySchema),
});

export interface OperationsOptions {
  version: string;
  authorize: AuthorizeServices;
  /** False from the moment a stop was asked for. */
  isAccepting: () => boolean;
}

export function registerOperationsRoutes(app: App, services: Services, options: OperationsOptions): void {
  const { version } = options;
  const { registry } = services.metrics;
  const findFailures = createReadiness(
    { database: () => services.db.query(sql`select 1`), objectStore: () => services.objects.ping() },
    services.settings.readinessCacheMs,
    services.clock,
  );

  app.get(
    '/',
    {
      config: { access: access.public, alwaysAdmitted: true },
      schema: {
        tags: ['operations'],
        summary: 'Service and version',
        response: answers({ 200: z.object({ service: z.string(), version: z.string() }) }),
      },
    },
    async () => ({ service: 'artifortress', version }),
  );

  app.get(
    '/health/live',
    {
      config: { access: access.public, alwaysAdmitted: true },
      schema: {
        tags: ['operations'],
        summary: 'Whether the process runs',
        response: answers({ 200: z.object({ status: z.literal('live') }) }),
      },
    },
    async () => ({ status: 'live' as const }),
  );

  app.get(
    '/health/ready',
    {
      config: { access: access.public, alwaysAdmitted: true },
      schema: {
        tags: ['operations'],
        summary: 'Whether requests can be served',
        description:
          'What is wrong with a dependency, and what the object store can do, is told to repo:*:admin alone.',
        response: answers({ 200: readinessSchema, 503: readinessSchema }),
      },
    },
    async (request, reply) => {
      const failures = await findFailures();
      const anyDown = Object.values(failures).some((failure) => failure !== undefined);
      const status = options.isAccepting() ? (anyDown ? 'not_ready' : 'ready') : 'draining';
      const tellDetails = await mayKnowDetails(request);
      const describe = (failure: string | undefined) =>
        failure === undefined
          ? { status: 'up' as const }
          : { status: 'down' as const, ...(tellDetails ? { detail: failure } : {}) };
      const dependencies = {
        database: describe(failures.database),
        objectStore: {
          ...describe(failures.objectStore),
          ...(tellDetails ? { capabilities: [...services.objects.capabilities()] } : {}),
        },
      };
      if (status !== 'ready') reply.header('retry-after', '2');
      return reply
        .code(status === 'ready' ? 200 : 503)
        .header('cache-control', 'no-store')
        .send({ status, dependencies });
    },
  );

  app.get(
    '/metrics',
    {
      config: { access: access.metrics, alwaysAdmitted: true },
      schema: {
        tags: ['operations'],
        summary: 'Metrics in the format of Prometheus',
        response: answers({ 200: bodyOf('text/plain', 'Metrics.') }),
      },
    },
    async (_request, reply) => reply.header('content-type', registry.contentType).send(await registry.metrics()),
  );

  /** With the database away nobody can be recognised, and nobody is told more. */
  async function mayKnowDetails(request: Parameters<typeof identifyIfAny>[1]): Promise<boolean> {
    const principal = await identifyIfAny(options.authorize, request).catch(() => undefined);
    return principal !== undefined && allows(principal.scopes, '*', 'admin');
  }
}
