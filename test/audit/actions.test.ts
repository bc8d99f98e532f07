import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AUDIT_ACTIONS, type AuditAction } from '../../src/audit/model.ts';
import { startJobs } from '../access/issuer.ts';
import { issue } from '../access/tokens.ts';
import { objectPath } from '../blobs/support.ts';
import { type Reply, startTestServer, type TestServer } from '../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../support/uploading.ts';
import { readTrail } from './trail.ts';

const DELETION_DELAY_SECONDS = 60;
const UPLOAD_TTL_SECONDS = 120;

let server: TestServer;
let jobs: Awaited<ReturnType<typeof startJobs>>;
let nextKey = 0;

beforeAll(async () => {
  jobs = await startJobs(['repo:apps:write']);
  const settings = {
    deletionDelaySeconds: DELETION_DELAY_SECONDS,
    uploadTtlSeconds: UPLOAD_TTL_SECONDS,
    oidcFile: jobs.oidcFile,
  };
  server = await startTestServer({ settings });
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

interface Produced {
  resourceId: string;
  repoKey: string | null;
  actor: string;
  /** The answer to the request that did it; null: the worker did. */
  reply: Reply | null;
}

interface Expectation {
  /** By the contract's table, not by the code's. */
  resourceType: string;
  produce: () => Promise<Produced>;
}

const blobs = (digest: string) => `/v1/repos/apps/blobs/${digest}`;

/** A session of the repository apps that ended by a request, as that request's answer. */
async function ofSession(end: (path: string, uploadId: string) => Promise<Reply>): Promise<Produced> {
  const { path, uploadId } = await createSession(server, 'apps', uniqueBytes());
  return { resourceId: uploadId, repoKey: 'apps', actor: 'root', reply: await end(path, uploadId) };
}

/** As {@link ofSession}, completed with these bytes. */
async function ofPending(bytes: Buffer, declared = bytes): Promise<Produced & { path: string }> {
  const session = await createSession(server, 'apps', declared);
  const reply = await complete(server, session, await sendPart(server, session, bytes));
  return { resourceId: session.uploadId, repoKey: 'apps', actor: 'root', reply, path: session.path };
}

const EXPECTATIONS: Record<AuditAction, Expectation> = {
  'auth.pat.issued': {
    resourceType: 'token',
    produce: async () => {
      const reply = await issue(server, { subject: 'alice', scopes: ['repo:apps:read'] });
      return { resourceId: reply.json.tokenId, repoKey: null, actor: 'root', reply };
    },
  },
  'auth.pat.revoked': {
    resourceType: 'token',
    produce: async () => {
      const { tokenId } = (await issue(server, { subject: 'alice', scopes: ['repo:apps:read'] })).json;
      const reply = await server.request('POST', '/v1/auth/pats/revoke', { json: { tokenId } });
      return { resourceId: tokenId, repoKey: null, actor: 'root', reply };
    },
  },
  'auth.oidc.exchanged': {
    resourceType: 'token',
    produce: async () => {
      const token = await jobs.jwt(server.clock.now().getTime() / 1000);
      const reply = await server.request('POST', '/v1/auth/oidc/exchange', { token: null, json: { token } });
      return { resourceId: reply.json.tokenId, repoKey: null, actor: 'oidc:job', reply };
    },
  },
  'repo.created': {
    resourceType: 'repository',
    produce: async () => {
      const reply = await server.request('POST', '/v1/repos', { json: { repoKey: 'created', repoType: 'local' } });
      return { resourceId: 'created', repoKey: 'created', actor: 'root', reply };
    },
  },
  'repo.deleted': {
    resourceType: 'repository',
    produce: async () => {
      const repoKey = await freshRepository();
      const reply = await server.request('DELETE', `/v1/repos/${repoKey}`);
      return { resourceId: repoKey, repoKey, actor: 'root', reply };
    },
  },
  'repo.binding.upserted': {
    resourceType: 'binding',
    produce: async () => {
      const reply = await server.request('PUT', '/v1/repos/apps/bindings/a%2Fb', { json: { roles: ['read'] } });
      return { resourceId: 'apps/a/b', repoKey: 'apps', actor: 'root', reply };
    },
  },
  'repo.binding.deleted': {
    resourceType: 'binding',
    produce: async () => {
      await server.request('PUT', '/v1/repos/apps/bindings/unbound', { json: { roles: ['read'] } });
      const reply = await server.request('DELETE', '/v1/repos/apps/bindings/unbound');
      return { resourceId: 'apps/unbound', repoKey: 'apps', actor: 'root', reply };
    },
  },
  'upload.session.created': {
    resourceType: 'upload_session',
    produce: async () => {
      const { uploadId, created } = await createSession(server, 'apps', uniqueBytes());
      return { resourceId: uploadId, repoKey: 'apps', actor: 'root', reply: created };
    },
  },
  'upload.part.presigned': {
    resourceType: 'upload_session',
    produce: () =>
      ofSession((path) =>
        server.request('POST', `${path}/parts`, { json: { parts: [{ partNumber: 2 }, { partNumber: 1 }] } }),
      ),
  },
  'upload.completed': { resourceType: 'upload_session', produce: () => ofPending(uniqueBytes()) },
  'upload.committed': {
    resourceType: 'upload_session',
    produce: async () => {
      const pending = await ofPending(uniqueBytes());
      return { ...pending, reply: await server.request('POST', `${pending.path}/commit`) };
    },
  },
  'upload.commit.verification_failed': {
    resourceType: 'upload_session',
    produce: async () => {
      const pending = await ofPending(uniqueBytes(), uniqueBytes());
      return { ...pending, reply: await server.request('POST', `${pending.path}/commit`) };
    },
  },
  'upload.aborted': {
    resourceType: 'upload_session',
    produce: () => ofSession((path) => server.request('POST', `${path}/abort`)),
  },
  'upload.expired': {
    resourceType: 'upload_session',
    produce: async () => {
      const { uploadId } = await createSession(server, 'apps', uniqueBytes());
      server.clock.advance({ seconds: UPLOAD_TTL_SECONDS });
      await server.runWorker();
      return { resourceId: uploadId, repoKey: 'apps', actor: 'system', reply: null };
    },
  },
  'blob.reference.deleted': {
    resourceType: 'blob',
    produce: async () => {
      const bytes = uniqueBytes();
      await upload(server, 'apps', bytes);
      const reply = await server.request('DELETE', blobs(sha256(bytes)));
      return { resourceId: sha256(bytes), repoKey: 'apps', actor: 'root', reply };
    },
  },
  'blob.condemned': {
    resourceType: 'blob',
    produce: async () => {
      const bytes = uniqueBytes();
      await upload(server, 'apps', bytes);
      const reply = await server.request('DELETE', blobs(sha256(bytes)));
      return { resourceId: sha256(bytes), repoKey: 'apps', actor: 'root', reply };
    },
  },
  'blob.object.deleted': {
    resourceType: 'blob',
    produce: async () => {
      const bytes = uniqueBytes();
      await upload(server, 'apps', bytes);
      await server.request('DELETE', blobs(sha256(bytes)));
      server.clock.advance({ seconds: DELETION_DELAY_SECONDS + 1 });
      await server.runWorker();
      return { resourceId: sha256(bytes), repoKey: null, actor: 'system', reply: null };
    },
  },
  'fsck.repaired': {
    resourceType: 'blob',
    produce: async () => {
      const bytes = uniqueBytes();
      await upload(server, 'apps', bytes);
      await rm(await objectPath(server, sha256(bytes)), { recursive: true });
      return { resourceId: sha256(bytes), repoKey: 'apps', actor: 'root', reply: await upload(server, 'apps', bytes) };
    },
  },
  'authz.denied': {
    resourceType: 'route',
    produce: async () => {
      const token = await server.issueToken('mallory', ['repo:other:admin']);
      const reply = await server.request('DELETE', '/v1/repos/apps', { token });
      return { resourceId: 'DELETE /v1/repos/{repoKey}', repoKey: 'apps', actor: 'mallory', reply };
    },
  },
};

test('every action of the code has its row in this table', () => {
  expect(Object.keys(EXPECTATIONS).sort()).toEqual(Object.keys(AUDIT_ACTIONS).sort());
});

test.each(Object.entries(EXPECTATIONS))(
  '%s is written once, with what it is about and by whom',
  async (action, expected) => {
    const { resourceId, repoKey, actor, reply } = await expected.produce();
    const rows = await readTrail(server, { action, resourceId });
    expect(rows).toEqual([
      {
        auditId: expect.stringMatching(/^\d+$/),
        tenantId: 'default',
        actor,
        action,
        resourceType: expected.resourceType,
        resourceId,
        repoKey,
        occurredAtUtc: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        requestId: reply === null ? null : reply.headers.get('x-request-id'),
        details: expect.any(Object),
      },
    ]);
  },
);

describe('the rows of a session', () => {
  const actionsOf = async (uploadId: string) =>
    (await readTrail(server, { resourceId: uploadId })).map((row) => row.action);

  test('tell its whole life in order', async () => {
    const { resourceId, path } = await ofPending(uniqueBytes());
    await server.request('POST', `${path}/commit`);
    expect((await actionsOf(resourceId)).toReversed()).toEqual([
      'upload.session.created',
      'upload.part.presigned',
      'upload.completed',
      'upload.committed',
    ]);
  });

  test('that needed no bytes are those of its creation and its commit', async () => {
    const bytes = uniqueBytes();
    await upload(server, 'apps', bytes);
    const { uploadId } = await createSession(server, 'apps', bytes);
    expect((await actionsOf(uploadId)).toReversed()).toEqual(['upload.session.created', 'upload.committed']);
  });

  test('that had other bytes end with the failed verification alone', async () => {
    const { resourceId, path } = await ofPending(uniqueBytes(), uniqueBytes());
    await server.request('POST', `${path}/commit`);
    await server.request('POST', `${path}/commit`);
    expect((await actionsOf(resourceId)).slice(0, 2)).toEqual([
      'upload.commit.verification_failed',
      'upload.completed',
    ]);
  });

  test('name the parts of a request in one row', async () => {
    const { resourceId } = await EXPECTATIONS['upload.part.presigned'].produce();
    const [row] = await readTrail(server, { action: 'upload.part.presigned', resourceId });
    expect(row?.details).toMatchObject({ partNumbers: [2, 1] });
  });

  test('say why it was aborted', async () => {
    const { resourceId } = await ofSession((path) =>
      server.request('POST', `${path}/abort`, { json: { reason: 'changed my mind' } }),
    );
    const [row] = await readTrail(server, { action: 'upload.aborted', resourceId });
    expect(row?.details).toMatchObject({ reason: 'changed my mind' });
  });

  test('of a second abort are none', async () => {
    const { resourceId } = await ofSession(async (path) => {
      await server.request('POST', `${path}/abort`);
      return await server.request('POST', `${path}/abort`);
    });
    expect(await readTrail(server, { action: 'upload.aborted', resourceId })).toHaveLength(1);
  });
});

test('no secret is in the trail', async () => {
  const token = await server.issueToken('alice', ['repo:apps:read']);
  await server.request('GET', '/v1/repos/other', { token });
  await server.request('GET', '/v1/repos', { token: `${token}x` });
  const { bytes } = await server.request('GET', '/v1/audit?limit=500');
  expect(bytes.toString()).not.toMatch(/aft_|signature=|bootstrap-/);
});
