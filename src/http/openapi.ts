import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Access, type App, access } from './app.ts';

export const DOCS_PATH = '/docs';

/** OpenAPI 3.1 out of the schemas that validate, at `/openapi.json`, with a page to browse it. Before any route is registered. */
export async function registerOpenApi(app: App, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Artifortress',
        version,
        description:
          'An artifact repository: what was committed is exactly what was declared, stays so, and only the right people read it.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer' },
          bootstrap: { type: 'apiKey', in: 'header', name: 'X-Bootstrap-Token' },
        },
      },
      security: [{ token: [] }],
      tags: [
        { name: 'identity', description: 'Tokens, and who one is.' },
        { name: 'bindings', description: 'Roles of subjects in a repository.' },
        { name: 'repositories', description: 'Where artifacts live.' },
        { name: 'uploads', description: 'Create, parts, complete, commit.' },
        { name: 'blobs', description: 'What was committed.' },
        { name: 'audit', description: 'Who did what.' },
        { name: 'operations', description: 'For those who run it.' },
      ],
    },
    transform: (route) => withSecurity(jsonSchemaTransform(route), route.route.config?.access),
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(swaggerUi, { routePrefix: DOCS_PATH, staticCSP: true });

  let document: string | undefined;
  app.get(
    '/openapi.json',
    {
      config: { access: access.public },
      schema: {
        tags: ['operations'],
        summary: 'This document',
        response: {
          200: { description: 'OpenAPI 3.1.', content: { 'application/json': { schema: z.looseObject({}) } } },
        },
      },
    },
    async (_request, reply) => {
      document ??= JSON.stringify(app.swagger());
      const text = document;
      return reply
        .header('content-type', 'application/json; charset=utf-8')
        .serializer(() => text)
        .send({});
    },
  );
}

type Transformed = ReturnType<typeof jsonSchemaTransform>;

/** Says of each route that asks for no token, or for the bootstrap secret in its place, that it does. */
function withSecurity({ schema, url }: Transformed, needed: Access | undefined): Transformed {
  const kind = needed?.kind;
  if (kind === 'public' || kind === 'signed_url') return { schema: { ...schema, security: [] }, url };
  if (kind === 'bootstrap_or_token')
    return { schema: { ...schema, security: [{ bootstrap: [] }, { token: [] }] }, url };
  return { schema, url };
}
