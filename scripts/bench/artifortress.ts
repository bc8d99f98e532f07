import { join } from 'node:path';
import {
  type ArtifortressServer,
  newBootstrapToken,
  prepareRepository,
  REPO_KEY,
  startArtifortress,
} from './artifortress-server.ts';
import { UploadSessions } from './artifortress-sessions.ts';
import { headerOf } from './http-reply.ts';
import { productVersion } from './machine.ts';
import { expectStatus, rangeHeaders, type Subject } from './subject.ts';

export interface Artifortress extends Subject {
  readonly sessions: UploadSessions;
  readonly token: string;
  /** The same server, whose downloads are answered by a redirect to the store, which is followed. */
  readonly redirecting: Subject;
}

export const ARTIFORTRESS = 'artifortress';
export const REDIRECT = 'artifortress redirect';

/** The folder under the run's own, and what the environment says of the store. */
interface Place {
  readonly folderName: string;
  readonly storeEnv: Readonly<Record<string, string>>;
}

/** Starts our server on a fresh data folder, with a repository and an administrator's token. */
export async function openArtifortress(
  stack: AsyncDisposableStack,
  root: string,
  { folderName, storeEnv }: Place = { folderName: 'artifortress', storeEnv: {} },
): Promise<Artifortress> {
  const bootstrapToken = newBootstrapToken();
  const server = await startArtifortress(stack, join(root, folderName), bootstrapToken, storeEnv);
  return artifortressAt(server, await prepareRepository(server.port, bootstrapToken));
}

/** A running server of ours with its repository, as a token sees it. */
export function artifortressAt({ child, port }: ArtifortressServer, token: string): Artifortress {
  const authorization = { Authorization: `Bearer ${token}` };
  const blobTarget = (digest: string) => `/v1/repos/${REPO_KEY}/blobs/${digest}`;

  const server: Subject = {
    name: ARTIFORTRESS,
    version: productVersion(),
    port,
    usage: child.usage,
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
  const redirecting: Subject = {
    ...server,
    name: REDIRECT,
    async get(connection, digest, take, range) {
      const target = `${blobTarget(digest)}?redirect=1`;
      const reply = await connection.request({ step: 'redirect', method: 'GET', target, headers: authorization });
      const url = new URL(headerOf(expectStatus(reply, 307, 'a redirected get').head, 'location') ?? '');
      const request = { method: 'GET', target: url.pathname + url.search, headers: rangeHeaders(range), take } as const;
      return connection.beside(Number(url.port)).request({ step: 'get', ...request });
    },
  };
  return { ...server, sessions: new UploadSessions(REPO_KEY, authorization), token, redirecting };
}
