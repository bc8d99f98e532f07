import { sealAudit } from '../../../src/audit/seal.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../../support/test-server.ts';
import { complete, createSession, type Session, sendPart, sha256, uniqueBytes } from '../../support/uploading.ts';
import { startJobs } from '../issuer.ts';
import { createPrincipals, type FormerTokens, METRICS_TOKEN, type Principal } from './principals.ts';
import { REPOS } from './repositories.ts';

/** What can be asked for in a repository by its name. */
interface Named {
  uploadId: string;
  digest: string;
}

/** The server of the matrix, all who ask it, and what they ask for. */
export interface World {
  server: TestServer;
  principals: readonly Principal[];
  /** In the repository that is asked for. */
  held: Named;
  /** In another repository. */
  foreign: Named;
  /** In the repository that is deleted. */
  deleted: Named;
  /** In none. */
  absent: Named;
  sealedAuditId: string;
  jwt: () => Promise<string>;
  close: () => Promise<void>;
}

export async function createWorld(
  start: (options: Pick<TestServerOptions, 'settings'>) => Promise<TestServer> = startTestServer,
): Promise<World> {
  const jobs = await startJobs([`repo:${REPOS.asked}:read`]);
  const server = await start({ settings: { metricsToken: METRICS_TOKEN, oidcFile: jobs.oidcFile } });
  for (const repoKey of [REPOS.asked, REPOS.other, REPOS.deleted]) await server.createRepository(repoKey);
  const former: FormerTokens = {
    asked: await server.issueToken('former', [`repo:${REPOS.asked}:admin`], 60),
    deleted: await server.issueToken('gone-admin', [`repo:${REPOS.deleted}:admin`], 60),
  };
  const deleted = await fill(server, REPOS.deleted);
  await server.request('DELETE', `/v1/repos/${REPOS.deleted}`);
  await server.request('DELETE', `/v1/repos/${REPOS.asked}`);
  await server.createRepository(REPOS.asked);
  // Its member can't be deleted: so the one route that would end the matrix answers a conflict to those whom it lets in.
  const family = { repoKey: 'family', repoType: 'virtual', memberRepos: [REPOS.asked] };
  await server.request('POST', '/v1/repos', { json: family });
  const principals = await createPrincipals(server, former);
  await sealAudit(server.running.services);
  const sealed = await server.request('GET', '/v1/audit?limit=1&action=repo.created');
  return {
    server,
    principals,
    held: await fill(server, REPOS.asked),
    foreign: await fill(server, REPOS.other),
    deleted,
    absent: { uploadId: crypto.randomUUID(), digest: sha256(uniqueBytes()) },
    sealedAuditId: String(sealed.json.items[0].auditId),
    jwt: () => jobs.jwt(server.clock.now().getTime() / 1000),
    async close() {
      await server.close();
      await jobs.close();
    },
  };
}

async function fill(server: TestServer, repoKey: string): Promise<Named> {
  const { uploadId } = await createSession(server, repoKey, uniqueBytes());
  return { uploadId, digest: await putBlob(server, repoKey) };
}

/** A new blob of the repository. @returns its digest. */
export async function putBlob(server: TestServer, repoKey: string): Promise<string> {
  const bytes = uniqueBytes();
  const digest = sha256(bytes);
  const reply = await server.request('PUT', `/v1/repos/${repoKey}/blobs/${digest}`, { body: bytes });
  if (reply.status !== 201) throw new Error(`not stored: ${reply.bytes.toString()}`);
  return digest;
}

/** A new session in this state, with the ETag of its one part where that was sent. */
export async function sessionIn(
  server: TestServer,
  state: 'initiated' | 'parts_uploading' | 'pending_commit',
): Promise<Session & { etag: string }> {
  const bytes = uniqueBytes();
  const session = await createSession(server, REPOS.asked, bytes);
  const etag = state === 'initiated' ? '' : await sendPart(server, session, bytes);
  if (state === 'pending_commit') await complete(server, session, etag);
  return { ...session, etag };
}
