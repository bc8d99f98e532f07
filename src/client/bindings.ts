import { itemsOf } from './pages.ts';
import { record } from './parse.ts';
import { path } from './path.ts';
import { parseBinding, parsePage } from './responses.ts';
import type { Transport } from './transport.ts';
import type { Binding, CallOptions, Page, PageOptions, Role } from './types.ts';

export interface BindingsApi {
  /** Replaces the subject's roles in this repository. */
  put(repoKey: string, subject: string, roles: readonly Role[], options?: CallOptions): Promise<Binding>;
  list(repoKey: string, options?: PageOptions & CallOptions): Promise<Page<Binding>>;
  all(repoKey: string, options?: PageOptions & CallOptions): AsyncGenerator<Binding>;
  delete(repoKey: string, subject: string, options?: CallOptions): Promise<void>;
}

export function bindingsApi(transport: Transport): BindingsApi {
  const list: BindingsApi['list'] = (repoKey, { limit, cursor, signal } = {}) =>
    transport.json(
      {
        method: 'GET',
        path: path`/v1/repos/${repoKey}/bindings`,
        query: { limit, cursor },
        repeat: 'always',
        signal,
      },
      parsePage(parseBinding),
    );
  return {
    put: (repoKey, subject, roles, { signal } = {}) =>
      transport.json(
        {
          method: 'PUT',
          path: path`/v1/repos/${repoKey}/bindings/${subject}`,
          json: { roles },
          repeat: 'always',
          signal,
        },
        parseBinding,
      ),
    list,
    all: (repoKey, options = {}) =>
      itemsOf((cursor) => list(repoKey, { ...options, cursor: cursor ?? options.cursor })),
    delete: async (repoKey, subject, { signal } = {}) => {
      const route = path`/v1/repos/${repoKey}/bindings/${subject}`;
      await transport.json({ method: 'DELETE', path: route, repeat: 'refused', signal }, record);
    },
  };
}
