import { itemsOf } from './pages.ts';
import { path } from './path.ts';
import { parseDeletedRepository, parsePage, parseRepository } from './responses.ts';
import type { Transport } from './transport.ts';
import type { CallOptions, DeletedRepository, Page, PageOptions, Repository, RepositoryType } from './types.ts';

export interface CreateRepositoryRequest extends CallOptions {
  readonly repoKey: string;
  readonly repoType: RepositoryType;
  /** For `remote` only. */
  readonly upstreamUrl?: string | undefined;
  /** For `virtual` only. */
  readonly memberRepos?: readonly string[] | undefined;
}

export interface RepositoriesApi {
  list(options?: PageOptions & CallOptions): Promise<Page<Repository>>;
  all(options?: PageOptions & CallOptions): AsyncGenerator<Repository>;
  get(repoKey: string, options?: CallOptions): Promise<Repository>;
  /** Never repeated after a lost reply: the second try would call the first one's repository a conflict. */
  create(request: CreateRepositoryRequest): Promise<Repository>;
  delete(repoKey: string, options?: CallOptions): Promise<DeletedRepository>;
}

export function repositoriesApi(transport: Transport): RepositoriesApi {
  const list: RepositoriesApi['list'] = ({ limit, cursor, signal } = {}) =>
    transport.json(
      { method: 'GET', path: '/v1/repos', query: { limit, cursor }, repeat: 'always', signal },
      parsePage(parseRepository),
    );
  return {
    list,
    all: (options = {}) => itemsOf((cursor) => list({ ...options, cursor: cursor ?? options.cursor })),
    get: (repoKey, { signal } = {}) =>
      transport.json({ method: 'GET', path: path`/v1/repos/${repoKey}`, repeat: 'always', signal }, parseRepository),
    create: ({ repoKey, repoType, upstreamUrl, memberRepos, signal }) =>
      transport.json(
        {
          method: 'POST',
          path: '/v1/repos',
          json: { repoKey, repoType, upstreamUrl, memberRepos },
          repeat: 'refused',
          signal,
        },
        parseRepository,
      ),
    delete: (repoKey, { signal } = {}) =>
      transport.json(
        { method: 'DELETE', path: path`/v1/repos/${repoKey}`, repeat: 'refused', signal },
        parseDeletedRepository,
      ),
  };
}
