import { join } from 'node:path';
import { newBootstrapToken, prepareRepository, REPO_KEY, startArtifortress } from './artifortress-server.ts';
import { UploadSessions } from './artifortress-sessions.ts';
import { productVersion } from './machine.ts';
import { expectStatus, rangeHeaders, type Subject } from './subject.ts';

export interface Artifortress extends Subject {
  readonly sessions: UploadSessions;
}

export const ARTIFORTRESS = 'artifortress';

/** Starts our server on a fresh data folder, with a repository and an administrator's token. */
export async function openArtifortress(stack: AsyncDisposableStack, root: string): Promise<Artifortress> {
  const bootstrapToken = newBootstrapToken();
  const { child, port } = await startArtifortress(stack, join(root, 'artifortress'), bootstrapToken);
  const authorization = { Authorization: `Bearer ${await prepareRepository(port, bootstrapToken)}` };
  const blobTarget = (digest: string) => `/v1/repos/${REPO_KEY}/blobs/${digest}`;

  return {
    name: ARTIFORTRESS,
    version: productVersion(),
    port,
    usage: child.usage,
    sessions: new UploadSessions(port, REPO_KEY, authorization),
    async put(connection, { digest, body }) {
      const reply = await connection.request({
        step: 'put',
        method: 'PUT',
        target: blobTarget(digest),
        headers: { ...authorization, 'Content-Type': 'application/octet-stream' },
        body: body(),
        take: 'text',
      });
      expectStatus(reply, 201, 'the put of a blob');
    },
    async get(connection, digest, take, range) {
      const headers = { ...authorization, ...rangeHeaders(range) };
      return connection.request({ step: 'get', method: 'GET', target: blobTarget(digest), headers, take });
    },
  };
}
