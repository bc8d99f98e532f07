import type { RequestOptions } from '../../support/test-server.ts';
import { sha256, uniqueBytes } from '../../support/uploading.ts';
import { tokenIdOf } from '../tokens.ts';
import { isAllowed } from './expected.ts';
import type { Principal } from './principals.ts';
import { REPOS } from './repositories.ts';
import { putBlob, sessionIn, type World } from './world.ts';

/** A request to a route. */
export interface Ask {
  /** Of the pattern; those of {@link defaultParams} where they are not given. */
  params?: Record<string, string>;
  /** In place of what the pattern and the parameters make. */
  path?: string;
  options?: RequestOptions;
}

/** What a route is asked, so that whoever is let in gets its answer. */
export interface Example {
  /** Tells the examples of a route apart. */
  what?: string;
  ask(world: World, principal: Principal): Ask | Promise<Ask>;
  /** The answer to those who are let in; 200 unless it is given. */
  status?: number;
  /** Whether the body asks for more than the principal has, where only the body tells. */
  bodyForbids?(principal: Principal): boolean;
}

/**
 * What routes are asked that need more than a path. A route with `GET` whose path has no other parameters than those of
 * {@link defaultParams} needs no row.
 */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  'GET /docs/static/index.html': [{ ask: () => ({}), status: 302 }],
  'GET /docs/static/*': [{ ask: () => ({ params: { '*': 'swagger-ui.css' } }) }],
  'GET /console/assets/:name': [{ ask: () => ({ params: { name: 'console.js' } }) }],
  'POST /v1/auth/pats': [
    {
      what: 'for itself, what it has',
      ask: (_world, { subject, grants }) => issue(subject === '' ? 'first' : subject, scopesOf(grants)),
      bodyForbids: ({ bootstrap, grants }) => bootstrap === undefined && grants.length === 0,
    },
    {
      what: 'for somebody else',
      ask: () => issue('else', [`repo:${REPOS.asked}:read`]),
      bodyForbids: (principal) => principal.bootstrap === undefined && !isAllowed(principal, 'admin', '*'),
    },
    {
      what: 'for itself, one role more',
      ask: (_world, { subject }) => issue(subject === '' ? 'first' : subject, ['repo:*:admin']),
      bodyForbids: (principal) => principal.bootstrap === undefined && !isAllowed(principal, 'admin', '*'),
    },
  ],
  'POST /v1/auth/pats/revoke': [
    {
      what: 'one of its own',
      ask: async ({ server }, { subject }) => revoke(await anotherToken(server, subject === '' ? 'else' : subject)),
    },
    {
      what: 'somebody else’s',
      ask: async ({ server }) => revoke(await anotherToken(server, 'else')),
      bodyForbids: (principal) => !isAllowed(principal, 'admin', '*'),
    },
    {
      what: 'one that is not there',
      ask: () => revoke(crypto.randomUUID()),
      bodyForbids: (principal) => !isAllowed(principal, 'admin', '*'),
      status: 404,
    },
  ],
  'POST /v1/auth/oidc/exchange': [
    { what: 'a good JWT', ask: async ({ jwt }) => ({ options: { json: { token: await jwt() } } }) },
    { what: 'any other text', ask: () => ({ options: { json: { token: 'aaa.bbb.ccc' } } }), status: 401 },
  ],
  'POST /v1/repos': [
    {
      ask: () => ({ options: { json: { repoKey: `new-${crypto.randomUUID()}`, repoType: 'local' } } }),
      status: 201,
    },
  ],
  // It has to stay for the others: those who are let in learn that a virtual repository contains it.
  'DELETE /v1/repos/:repoKey': [{ ask: () => ({}), status: 409 }],
  'PUT /v1/repos/:repoKey/bindings/:subject': [{ ask: () => ({ options: { json: { roles: ['read'] } } }) }],
  'DELETE /v1/repos/:repoKey/bindings/:subject': [
    {
      async ask({ server }) {
        const json = { roles: ['read'] };
        await server.request('PUT', `/v1/repos/${REPOS.asked}/bindings/leaver`, { json });
        return { params: { subject: 'leaver' } };
      },
    },
  ],
  'POST /v1/repos/:repoKey/uploads': [
    {
      ask: () => ({ options: { json: { expectedDigest: sha256(uniqueBytes()), expectedLength: 1000 } } }),
      status: 201,
    },
  ],
  'POST /v1/repos/:repoKey/uploads/:uploadId/parts': [
    {
      ask: async ({ server }) => ({
        params: { uploadId: (await sessionIn(server, 'initiated')).uploadId },
        options: { json: { partNumber: 1 } },
      }),
    },
  ],
  'POST /v1/repos/:repoKey/uploads/:uploadId/complete': [
    {
      async ask({ server }) {
        const { uploadId, etag } = await sessionIn(server, 'parts_uploading');
        return { params: { uploadId }, options: { json: { parts: [{ partNumber: 1, etag }] } } };
      },
    },
  ],
  'POST /v1/repos/:repoKey/uploads/:uploadId/commit': [
    { ask: async ({ server }) => ({ params: { uploadId: (await sessionIn(server, 'pending_commit')).uploadId } }) },
  ],
  'POST /v1/repos/:repoKey/uploads/:uploadId/abort': [
    { ask: async ({ server }) => ({ params: { uploadId: (await sessionIn(server, 'parts_uploading')).uploadId } }) },
  ],
  'PUT /v1/repos/:repoKey/blobs/:digest': [
    {
      ask() {
        const body = uniqueBytes();
        return { params: { digest: sha256(body) }, options: { body } };
      },
      status: 201,
    },
  ],
  'DELETE /v1/repos/:repoKey/blobs/:digest': [
    { ask: async ({ server }) => ({ params: { digest: await putBlob(server, REPOS.asked) } }) },
  ],
  'GET /v1/audit/:auditId/proof': [{ ask: ({ sealedAuditId }) => ({ params: { auditId: sealedAuditId } }) }],
  'PUT /v1/store/*': [
    { what: 'as it was signed', ask: (world) => putPart(world, (url) => url) },
    {
      what: 'for another part',
      ask: (world) => putPart(world, (url) => url.replace('part=1', 'part=2')),
      status: 403,
    },
    {
      what: 'with another signature',
      ask: (world) => putPart(world, (url) => `${url.slice(0, -5)}AAAAA`),
      status: 403,
    },
    {
      what: 'without a signature',
      ask: (world) => putPart(world, (url) => url.replace(/&signature=.*/, '')),
      status: 400,
    },
  ],
};

/** What a pattern's parameters stand for in the repository that is asked for. */
export function defaultParams({ held }: World): Record<string, string> {
  return { repoKey: REPOS.asked, subject: 'alice', ...held };
}

const scopesOf = (grants: Principal['grants']) =>
  grants.length === 0 ? [`repo:${REPOS.asked}:read`] : grants.map(({ repo, role }) => `repo:${repo}:${role}`);

function issue(subject: string, scopes: string[]): Ask {
  return { options: { json: { subject, scopes, ttlMinutes: 5 } } };
}

function revoke(tokenId: string): Ask {
  return { options: { json: { tokenId } } };
}

async function anotherToken(server: World['server'], subject: string): Promise<string> {
  return await tokenIdOf(server, await server.issueToken(subject, [`repo:${REPOS.asked}:read`]));
}

/** The bytes of a part, by its URL or what is made of it. */
async function putPart({ server }: World, forge: (url: string) => string): Promise<Ask> {
  const { path } = await sessionIn(server, 'initiated');
  const signed = await server.request('POST', `${path}/parts`, { json: { partNumber: 1 } });
  return { path: forge(String(signed.json.uploadUrl)), options: { body: uniqueBytes() } };
}
