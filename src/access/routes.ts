import { z } from 'zod';
import { type App, access, callerOf } from '../http/app.ts';
import { answers, repositoryParams } from '../http/schemas.ts';
import { decodeCursor, pageQuery, pageSchema, toPage, UUID_KEY } from '../kernel/page.ts';
import { toTimestamp } from '../kernel/parse.ts';
import type { Services } from '../services.ts';
import { bindingSchema, deleteBinding, listBindings, putBinding } from './bindings.ts';
import { issuedTokenSchema, issueToken } from './issue-token.ts';
import { formatScope, roleSchema, scopeSchema, subjectSchema, tokenIdSchema } from './model.ts';
import { revokeToken } from './revoke-token.ts';
import { listTokenRows, type TokenRow } from './token-store.ts';

const MINIMUM_TTL_MINUTES = 5;
const MAXIMUM_SCOPES = 100;

const tokenSchema = z.object({
  tokenId: z.string(),
  subject: z.string(),
  scopes: z.array(z.string()),
  fromBindings: z.boolean().describe("Whether the scopes follow the subject's bindings."),
  issuedAtUtc: z.string(),
  issuedBy: z.string(),
  expiresAtUtc: z.string(),
  revokedAtUtc: z.string().nullable(),
  lastUsedAtUtc: z.string().nullable(),
});

function presentToken(row: TokenRow): z.input<typeof tokenSchema> {
  const { tokenId, subject, scopes, fromBindings, issuedBy } = row;
  return {
    tokenId,
    subject,
    scopes,
    fromBindings,
    issuedAtUtc: toTimestamp(row.issuedAt),
    issuedBy,
    expiresAtUtc: toTimestamp(row.expiresAt),
    revokedAtUtc: row.revokedAt && toTimestamp(row.revokedAt),
    lastUsedAtUtc: row.lastUsedAt && toTimestamp(row.lastUsedAt),
  };
}

export function registerTokenRoutes(app: App, services: Services): void {
  const issueBody = z.object({
    subject: subjectSchema,
    scopes: z.array(scopeSchema).max(MAXIMUM_SCOPES).describe("Empty: what the subject's role bindings give."),
    ttlMinutes: z.int().min(MINIMUM_TTL_MINUTES).max(services.settings.tokenMaximumTtlMinutes),
  });

  app.post(
    '/v1/auth/pats',
    {
      config: { access: access.bootstrapOrToken },
      schema: {
        tags: ['identity'],
        summary: 'Issue a token',
        description:
          'Needs the bootstrap secret in X-Bootstrap-Token, or repo:*:admin; any other token may issue for its own subject a subset of its scopes with no later expiry.',
        body: issueBody,
        response: answers({ 200: issuedTokenSchema }),
      },
    },
    async (request) => {
      const issuer =
        request.caller === null ? ({ kind: 'bootstrap' } as const) : ({ kind: 'token', ...request.caller } as const);
      return await issueToken(services, issuer, request.id, request.body);
    },
  );

  app.get(
    '/v1/auth/pats',
    {
      config: { access: access.everywhere('admin') },
      schema: {
        tags: ['identity'],
        summary: 'List the tokens, without their secrets',
        querystring: z.object(pageQuery),
        response: answers({ 200: pageSchema(tokenSchema) }),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const { tenantId } = callerOf(request).principal;
      const rows = await listTokenRows(services.db, tenantId, decodeCursor(cursor, UUID_KEY), limit + 1);
      return toPage(rows, limit, (row) => row.tokenId, presentToken);
    },
  );

  app.post(
    '/v1/auth/pats/revoke',
    {
      config: { access: access.token },
      schema: {
        tags: ['identity'],
        summary: 'Revoke a token, effective on the very next request',
        description: 'Needs repo:*:admin, or a token of the same subject. Tokens narrowed from this one go with it.',
        body: z.object({ tokenId: tokenIdSchema }),
        response: answers({ 200: z.object({ tokenId: z.string(), status: z.literal('revoked') }) }),
      },
    },
    async (request) => await revokeToken(services, callerOf(request), request.body.tokenId),
  );

  app.get(
    '/v1/auth/whoami',
    {
      config: { access: access.token },
      schema: {
        tags: ['identity'],
        summary: 'Who this token is, and what it may do now',
        response: answers({
          200: z.object({
            subject: z.string(),
            scopes: z.array(z.string()),
            tokenId: z.string(),
            expiresAtUtc: z.string(),
          }),
        }),
      },
    },
    async (request) => {
      const { subject, scopes, tokenId, expiresAt } = callerOf(request).principal;
      return { subject, scopes: scopes.map(formatScope), tokenId, expiresAtUtc: toTimestamp(expiresAt) };
    },
  );
}

export function registerBindingRoutes(app: App, services: Services): void {
  const bindingParams = repositoryParams.extend({ subject: subjectSchema });

  app.put(
    '/v1/repos/:repoKey/bindings/:subject',
    {
      config: { access: access.repository('admin') },
      schema: {
        tags: ['bindings'],
        summary: 'Bind exactly these roles to a subject',
        params: bindingParams,
        body: z.object({ roles: z.array(roleSchema).min(1).max(20) }),
        response: answers({ 200: bindingSchema }),
      },
    },
    async (request) => {
      const { repoKey, subject } = request.params;
      return await putBinding(services, callerOf(request), repoKey, subject, request.body.roles);
    },
  );

  app.get(
    '/v1/repos/:repoKey/bindings',
    {
      config: { access: access.repository('admin') },
      schema: {
        tags: ['bindings'],
        summary: 'List the bindings of a repository',
        params: repositoryParams,
        querystring: z.object(pageQuery),
        response: answers({ 200: pageSchema(bindingSchema) }),
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      return await listBindings(services, callerOf(request), request.params.repoKey, { limit, cursor });
    },
  );

  app.delete(
    '/v1/repos/:repoKey/bindings/:subject',
    {
      config: { access: access.repository('admin') },
      schema: {
        tags: ['bindings'],
        summary: 'Take all roles from a subject',
        params: bindingParams,
        response: answers({
          200: z.object({ repoKey: z.string(), subject: z.string(), status: z.literal('deleted') }),
        }),
      },
    },
    async (request) => {
      const { repoKey, subject } = request.params;
      return await deleteBinding(services, callerOf(request), repoKey, subject);
    },
  );
}
