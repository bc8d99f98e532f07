import { expect } from 'vitest';
import { type Reply, startTestServer, type TestServer } from '../../support/test-server.ts';
import { complete, createSession, type Session, sendPart, sha256, uniqueBytes } from '../../support/uploading.ts';
import { UPLOAD_TTL_SECONDS } from '../../uploads/in-state.ts';
import { CONTENTS, REPOSITORIES, type Seen, type Step } from './model.ts';

let systems = 0;

/** The server, as the model sees it: repositories and contents that nobody has used before. */
export async function newSystem(server: TestServer) {
  systems += 1;
  const repositories = Array.from({ length: REPOSITORIES }, (_, index) => `model-${systems}-${index}`);
  await Promise.all(repositories.map((repoKey) => server.createRepository(repoKey)));
  // Of one length, so that only the digest tells them apart.
  const contents = Array.from({ length: CONTENTS }, () => uniqueBytes(300));
  // The clock is moved on a lot: the token of the beginning may have expired.
  const token = await server.issueToken('client', ['repo:*:admin'], 1440);
  const sessions = new Map<number, Session & { etag: string }>();

  const repoKeyOf = (repo: number): string => repositories[repo] ?? '';
  const bytesOf = (content: number): Buffer => contents[content] ?? Buffer.alloc(0);
  const ask = (method: string, path: string, options: { json?: unknown; body?: Buffer } = {}) =>
    server.request(method, path, { ...options, token });
  const blobPath = (repo: number, content: number): string =>
    `/v1/repos/${repoKeyOf(repo)}/blobs/${sha256(bytesOf(content))}`;
  const asAdmin = {
    ...server,
    request: (method: string, path: string, options = {}) => server.request(method, path, { token, ...options }),
  };

  const ofSession = async (kind: string, id: number, content: number): Promise<Seen> => {
    const session = sessions.get(id);
    if (session === undefined) return { status: 404, error: 'not_found' };
    switch (kind) {
      case 'part': {
        const signed = await ask('POST', `${session.path}/parts`, { json: { partNumber: 1 } });
        if (signed.status === 200) session.etag = await sendPart(asAdmin, session, bytesOf(content));
        return seen(signed);
      }
      case 'complete':
        return seen(await complete(asAdmin, session, session.etag));
      case 'look':
        return seen(await ask('GET', session.path));
      default:
        return seen(await ask('POST', `${session.path}/${kind}`));
    }
  };

  const run = async (step: Step): Promise<Seen> => {
    switch (step.kind) {
      case 'create': {
        const session = await createSession(asAdmin, repoKeyOf(step.repo), bytesOf(step.content));
        sessions.set(step.id, { ...session, etag: 'none' });
        return seen(session.created);
      }
      case 'put': {
        const reply = await ask('PUT', blobPath(step.repo, step.content), { body: bytesOf(step.sent) });
        // Two at once may both have sent the bytes: which of 200 and 201 it is, is no promise.
        return reply.status === 201 ? { status: 200 } : { ...seen(reply), state: undefined };
      }
      case 'read': {
        const reply = await ask('GET', blobPath(step.repo, step.content));
        if (reply.status === 200) expect(reply.bytes.equals(bytesOf(step.content))).toBe(true);
        return reply.status === 200 ? { status: 200 } : seen(reply);
      }
      case 'delete': {
        const reply = await ask('DELETE', blobPath(step.repo, step.content));
        return { ...seen(reply), state: undefined };
      }
      case 'expire':
        server.clock.advance({ seconds: UPLOAD_TTL_SECONDS + 1 });
        await server.runWorker();
        return { status: 200 };
      case 'work':
        await server.runWorker();
        return { status: 200 };
      case 'part':
        return await ofSession('part', step.session, step.content);
      case 'complete':
      case 'commit':
      case 'abort':
      case 'look':
        return await ofSession(step.kind, step.session, 0);
    }
  };

  /** `repository/content` of everything that is listed. */
  const held = async (): Promise<Set<string>> => {
    const names = repositories.map(async (repoKey, repo) => {
      const { json } = await ask('GET', `/v1/repos/${repoKey}/blobs`);
      const digests: string[] = json.items.map(({ digest }: { digest: string }) => digest);
      return digests.map((digest) => `${repo}/${contents.findIndex((bytes) => sha256(bytes) === digest)}`);
    });
    return new Set((await Promise.all(names)).flat());
  };

  return { run, held };
}

function seen({ status, json }: Reply): Seen {
  if (status >= 400) return { status, error: json?.error };
  const reason = json?.reason ?? json?.abortReason ?? undefined;
  return { status, state: json?.state, ...(reason === undefined ? {} : { reason }) };
}

export async function startSystemServer(settings: Parameters<typeof startTestServer>[0]): Promise<TestServer> {
  const own = { uploadTtlSeconds: UPLOAD_TTL_SECONDS, deletionDelaySeconds: 0 };
  return await startTestServer({ settings: { ...settings?.settings, ...own } });
}
