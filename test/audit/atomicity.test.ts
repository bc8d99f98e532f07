import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AuditAction } from '../../src/audit/model.ts';
import { startJobs } from '../access/issuer.ts';
import { issue } from '../access/tokens.ts';
import { expectError } from '../http/expect-error.ts';
import { type Reply, startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { REFUSAL_TEXT, whileAuditRefuses } from './refuse-audit.ts';
import { snapshotOf } from './snapshot.ts';

const UPLOAD_TTL_SECONDS = 120;

let server: TestServer;
let jobs: Awaited<ReturnType<typeof startJobs>>;
let nextKey = 0;

beforeAll(async () => {
  jobs = await startJobs(['repo:apps:write']);
  server = await startTestServer({ settings: { uploadTtlSeconds: UPLOAD_TTL_SECONDS, oidcFile: jobs.oidcFile } });
  await server.createRepository('apps');
});

afterAll(async () => {
  await server.close();
  await jobs.close();
});

async function freshRepository(): Promise<string> {
  nextKey += 1;
  await server.createRepository(`repo-${nextKey}`);
  return `repo-${nextKey}`;
}

async function pendingSession(bytes: Buffer, declared = bytes) {
  const session = await createSession(server, 'apps', declared);
  await complete(server, session, await sendPart(server, session, bytes));
  return session;
}

const post = (path: string, json?: unknown) => server.request('POST', path, json === undefined ? {} : { json });

interface Change {
  /** As the route table names it. */
  route: string;
  name: string;
  /** The row that is refused. */
  action: AuditAction;
  /** Does what comes before. @returns the request that makes the change. */
  prepare: () => Promise<() => Promise<Reply>>;
  /** What the request answers once its row may be written. */
  status: number;
}

/** Every request that changes something, and the row that has to be written with it. */
const CHANGES: Change[] = [
  {
    route: 'POST /v1/auth/pats',
    name: 'issuing a token',
    action: 'auth.pat.issued',
    prepare: async () => () => issue(server, { subject: 'alice', scopes: ['repo:apps:read'] }),
    status: 200,
  },
  {
    route: 'POST /v1/auth/pats/revoke',
    name: 'revoking a token',
    action: 'auth.pat.revoked',
    prepare: async () => {
      const { tokenId } = (await issue(server, { subject: 'alice', scopes: ['repo:apps:read'] })).json;
      return () => post('/v1/auth/pats/revoke', { tokenId });
    },
    status: 200,
  },
  {
    route: 'POST /v1/auth/oidc/exchange',
    name: 'exchanging a JWT',
    action: 'auth.oidc.exchanged',
    prepare: async () => {
      const token = await jobs.jwt(server.clock.now().getTime() / 1000);
      return () => post('/v1/auth/oidc/exchange', { token });
    },
    status: 200,
  },
  {
    route: 'POST /v1/repos',
    name: 'creating a repository',
    action: 'repo.created',
    prepare: async () => () => post('/v1/repos', { repoKey: 'made', repoType: 'virtual', memberRepos: ['apps'] }),
    status: 201,
  },
  {
    route: 'DELETE /v1/repos/:repoKey',
    name: 'deleting a repository',
    action: 'repo.deleted',
    prepare: async () => {
      const repoKey = await freshRepository();
      await createSession(server, repoKey, uniqueBytes());
      return () => server.request('DELETE', `/v1/repos/${repoKey}`);
    },
    status: 200,
  },
  {
    route: 'DELETE /v1/repos/:repoKey',
    name: 'aborting the sessions of a deleted repository',
    action: 'upload.aborted',
    prepare: async () => {
      const repoKey = await freshRepository();
      await createSession(server, repoKey, uniqueBytes());
      return () => server.request('DELETE', `/v1/repos/${repoKey}`);
    },
    status: 200,
  },
  {
    route: 'PUT /v1/repos/:repoKey/bindings/:subject',
    name: 'binding a role',
    action: 'repo.binding.upserted',
    prepare: async () => () => server.request('PUT', '/v1/repos/apps/bindings/alice', { json: { roles: ['read'] } }),
    status: 200,
  },
  {
    route: 'DELETE /v1/repos/:repoKey/bindings/:subject',
    name: 'taking a role',
    action: 'repo.binding.deleted',
    prepare: async () => {
      await server.request('PUT', '/v1/repos/apps/bindings/bob', { json: { roles: ['read'] } });
      return () => server.request('DELETE', '/v1/repos/apps/bindings/bob');
    },
    status: 200,
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads',
    name: 'starting an upload',
    action: 'upload.session.created',
    prepare: async () => async () => (await createSession(server, 'apps', uniqueBytes())).created,
    status: 201,
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads',
    name: 'committing an upload that needs no bytes',
    action: 'upload.committed',
    prepare: async () => {
      const bytes = uniqueBytes();
      const repoKey = await freshRepository();
      await upload(server, 'apps', bytes);
      return async () => (await createSession(server, repoKey, bytes)).created;
    },
    status: 200,
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/parts',
    name: 'asking for parts',
    action: 'upload.part.presigned',
    prepare: async () => {
      const { path } = await createSession(server, 'apps', uniqueBytes());
      return () => post(`${path}/parts`, { partNumber: 1 });
    },
    status: 200,
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/complete',
    name: 'completing an upload',
    action: 'upload.completed',
    prepare: async () => {
      const bytes = uniqueBytes();
      const session = await createSession(server, 'apps', bytes);
      const etag = await sendPart(server, session, bytes);
      return () => complete(server, session, etag);
    },
    status: 200,
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/commit',
    name: 'committing an upload',
    action: 'upload.committed',
    prepare: async () => {
      const { path } = await pendingSession(uniqueBytes());
      return () => post(`${path}/commit`);
    },
    status: 200,
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/commit',
    name: 'refusing other bytes',
    action: 'upload.commit.verification_failed',
    prepare: async () => {
      const { path } = await pendingSession(uniqueBytes(), uniqueBytes());
      return () => post(`${path}/commit`);
    },
    status: 409,
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/abort',
    name: 'aborting an upload',
    action: 'upload.aborted',
    prepare: async () => {
      const { path } = await createSession(server, 'apps', uniqueBytes());
      return () => post(`${path}/abort`);
    },
    status: 200,
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/abort',
    name: 'expiring an upload',
    action: 'upload.expired',
    prepare: async () => {
      const { path } = await createSession(server, 'apps', uniqueBytes());
      server.clock.advance({ seconds: UPLOAD_TTL_SECONDS });
      return () => post(`${path}/abort`);
    },
    status: 200,
  },
  {
    route: 'PUT /v1/repos/:repoKey/blobs/:digest',
    name: 'uploading in one request',
    action: 'upload.session.created',
    prepare: async () => {
      const body = uniqueBytes();
      return () => server.request('PUT', `/v1/repos/apps/blobs/${sha256(body)}`, { body });
    },
    status: 201,
  },
  {
    route: 'DELETE /v1/repos/:repoKey/blobs/:digest',
    name: 'dropping a reference',
    action: 'blob.reference.deleted',
    prepare: async () => {
      const bytes = uniqueBytes();
      await upload(server, 'apps', bytes);
      return () => server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    },
    status: 200,
  },
  {
    route: 'DELETE /v1/repos/:repoKey/blobs/:digest',
    name: 'condemning a blob',
    action: 'blob.condemned',
    prepare: async () => {
      const bytes = uniqueBytes();
      await upload(server, 'apps', bytes);
      return () => server.request('DELETE', `/v1/repos/apps/blobs/${sha256(bytes)}`);
    },
    status: 200,
  },
];

const snapshot = (): Promise<string> => snapshotOf(server);

test('every route that changes something is in this table', () => {
  const changing = server.running.routeTable.routes
    .filter(({ method }) => method !== 'GET' && method !== 'HEAD')
    .map(({ method, pattern }) => `${method} ${pattern}`)
    // Bytes of a part are no change of their own: what asked for their URL left the row.
    .filter((route) => route !== 'PUT /v1/store/*');
  expect([...new Set(CHANGES.map((change) => change.route))].sort()).toEqual(changing.sort());
});

describe.each(CHANGES)('$name ($route), where its row $action is refused,', ({ action, prepare, status }) => {
  test('is a 500 that tells nothing, and changes nothing', async () => {
    const change = await prepare();
    const before = await snapshot();
    const reply = await whileAuditRefuses(server, action, change);
    const after = await snapshot();
    expectError(reply, 500, 'internal_error');
    expect(reply.bytes.toString()).not.toContain(REFUSAL_TEXT);
    expect(after).toBe(before);
  });

  test('can be done once the row may be written', async () => {
    const change = await prepare();
    await whileAuditRefuses(server, action, change);
    expect((await change()).status).toBe(status);
  });
});

test.each(['upload.completed', 'upload.committed'])(
  'an upload in one request whose row %s is refused leaves nothing to be read',
  async (action) => {
    const body = uniqueBytes();
    const path = `/v1/repos/apps/blobs/${sha256(body)}`;
    const put = await whileAuditRefuses(server, action, () => server.request('PUT', path, { body }));
    expect([put.status, (await server.request('GET', path)).status]).toEqual([500, 404]);
  },
);

describe('a change that is refused leaves no row:', () => {
  const REFUSED: [string, number, () => Promise<() => Promise<Reply>>][] = [
    ['a duplicate key', 409, async () => () => post('/v1/repos', { repoKey: 'apps', repoType: 'local' })],
    [
      'a member that is not there',
      400,
      async () => () => post('/v1/repos', { repoKey: 'v', repoType: 'virtual', memberRepos: ['nowhere'] }),
    ],
    [
      'the deletion of a member',
      409,
      async () => {
        const member = await freshRepository();
        await post('/v1/repos', { repoKey: `v-${member}`, repoType: 'virtual', memberRepos: [member] });
        return () => server.request('DELETE', `/v1/repos/${member}`);
      },
    ],
    ['a binding that is not there', 404, async () => () => server.request('DELETE', '/v1/repos/apps/bindings/nobody')],
    [
      'a token that is not there',
      404,
      async () => () => post('/v1/auth/pats/revoke', { tokenId: crypto.randomUUID() }),
    ],
    [
      'a blob that is not there',
      404,
      async () => () => server.request('DELETE', `/v1/repos/apps/blobs/${sha256(uniqueBytes())}`),
    ],
    [
      'complete before any part',
      409,
      async () => {
        const session = await createSession(server, 'apps', uniqueBytes());
        return () => complete(server, session, 'etag');
      },
    ],
    [
      'complete with another etag',
      409,
      async () => {
        const bytes = uniqueBytes();
        const session = await createSession(server, 'apps', bytes);
        await sendPart(server, session, bytes);
        return () => complete(server, session, sha256(uniqueBytes()));
      },
    ],
    [
      'commit before complete',
      409,
      async () => {
        const { path } = await createSession(server, 'apps', uniqueBytes());
        return () => post(`${path}/commit`);
      },
    ],
    [
      'abort after commit',
      409,
      async () => {
        const { path } = await pendingSession(uniqueBytes());
        await post(`${path}/commit`);
        return () => post(`${path}/abort`);
      },
    ],
  ];

  test.each(REFUSED)('%s (%d)', async (_name, status, prepare) => {
    const change = await prepare();
    const before = await snapshot();
    const reply = await change();
    expect({ status: reply.status, unchanged: (await snapshot()) === before }).toEqual({ status, unchanged: true });
  });
});
