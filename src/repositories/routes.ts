import { z } from 'zod';
import { reposAllowed } from '../access/model.ts';
import { type App, access, callerOf } from '../http/app.ts';
import { locationOf } from '../http/location.ts';
import { answers, repositoryParams } from '../http/schemas.ts';
import { decodeCursor, pageQuery, pageSchema, ROW_ID_KEY, toPage } from '../kernel/page.ts';
import type { Services } from '../services.ts';
import { createRepository } from './create-repository.ts';
import { deleteRepository } from './delete-repository.ts';
import { newRepositorySchema, presentRepository, repositorySchema } from './model.ts';
import { findRepository, listRepositories, unknownRepository } from './store.ts';

export function registerRepositoryRoutes(app: App, services: Services): void {
  app.get(
    '/v1/repos',
    {
      config: { access: access.somewhere('read') },
      schema: {
        tags: ['repositories'],
        summary: 'List the repositories that the caller may read',
        querystring: z.object(pageQuery),
        response: answers({ 200: pageSchema(repositorySchema) }),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const { tenantId, scopes } = callerOf(request).principal;
      const key = decodeCursor(cursor, ROW_ID_KEY);
      const before = key === undefined ? undefined : Number(key);
      const rows = await listRepositories(services.db, tenantId, reposAllowed(scopes, 'read'), before, limit + 1);
      return toPage(rows, limit, (row) => row.repoId, presentRepository);
    },
  );

  app.get(
    '/v1/repos/:repoKey',
    {
      config: { access: access.repository('read') },
      schema: {
        tags: ['repositories'],
        summary: 'Show a repository',
        params: repositoryParams,
        response: answers({ 200: repositorySchema }),
      },
    },
    async (request) => {
      const { repoKey } = request.params;
      const found = await findRepository(services.db, callerOf(request).principal.tenantId, repoKey);
      return presentRepository(found ?? unknownRepository(repoKey));
    },
  );

  app.post(
    '/v1/repos',
    {
      config: { access: access.everywhere('admin') },
      schema: {
        tags: ['repositories'],
        summary: 'Create a repository',
        description: 'Remote and virtual repositories are records for now: they take no uploads and serve no blobs.',
        body: newRepositorySchema,
        response: answers({ 201: repositorySchema }),
      },
    },
    async (request, reply) => {
      const created = await createRepository(services, callerOf(request), request.body);
      const location = locationOf(services.publicUrl(), `/v1/repos/${created.repoKey}`);
      return reply.code(201).header('location', location).send(presentRepository(created));
    },
  );

  app.delete(
    '/v1/repos/:repoKey',
    {
      config: { access: access.repository('admin') },
      schema: {
        tags: ['repositories'],
        summary: 'Delete a repository',
        params: repositoryParams,
        response: answers({ 200: z.object({ repoKey: z.string(), status: z.literal('deleted') }) }),
      },
    },
    async (request) => await deleteRepository(services, callerOf(request), request.params.repoKey),
  );
}
