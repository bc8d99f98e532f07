import { itemsOf } from './pages.ts';
import { path } from './path.ts';
import { parseAuditCheckpoint, parseAuditFollowPage, parseAuditProof, parseAuditRow, parsePage } from './responses.ts';
import type { Transport } from './transport.ts';
import type {
  AuditCheckpoint,
  AuditFilters,
  AuditFollowPage,
  AuditProof,
  AuditRow,
  CallOptions,
  Page,
  PageOptions,
} from './types.ts';

const DEFAULT_POLL_MS = 2_000;

export interface AuditApi {
  list(filters?: AuditFilters & CallOptions): Promise<Page<AuditRow>>;
  /** Every row that matches, newest first, page by page. */
  all(filters?: AuditFilters & CallOptions): AsyncGenerator<AuditRow>;
  /**
   * The rows after a cursor, oldest first, of which none before them can still be added: going on from each `nextCursor` misses
   * none. Without a cursor it starts at the present end, or at the beginning where `since` or `until` is given.
   */
  followPage(filters?: AuditFilters & CallOptions): Promise<AuditFollowPage>;
  /** Every row as it is settled, for ever: until the consumer stops, or the signal aborts. Asks anew after `pollMs` (2 s). */
  follow(filters?: AuditFilters & CallOptions & { readonly pollMs?: number | undefined }): AsyncGenerator<AuditRow>;
  /** The signed checkpoints of the sealed trail, newest first. */
  checkpoints(options?: PageOptions & CallOptions): Promise<Page<AuditCheckpoint>>;
  /** That a row is in the sealed trail; a `conflict` where it is not sealed yet. */
  proof(auditId: string, options?: CallOptions): Promise<AuditProof>;
  /** The sealed trail as NDJSON, oldest first. The caller reads the stream to its end or cancels it. */
  export(options?: CallOptions & { fromBatch?: number | undefined }): Promise<ReadableStream<Uint8Array>>;
}

export function auditApi(transport: Transport): AuditApi {
  const list: AuditApi['list'] = ({ signal, ...filters } = {}) =>
    transport.json(
      { method: 'GET', path: '/v1/audit', query: { ...filters }, repeat: 'always', signal },
      parsePage(parseAuditRow),
    );
  const followPage: AuditApi['followPage'] = ({ signal, ...filters } = {}) =>
    transport.json(
      { method: 'GET', path: '/v1/audit/follow', query: { ...filters }, repeat: 'always', signal },
      parseAuditFollowPage,
    );
  async function* follow({ pollMs = DEFAULT_POLL_MS, ...filters }: Parameters<AuditApi['follow']>[0] = {}) {
    let { cursor } = filters;
    for (;;) {
      const page = await followPage({ ...filters, cursor });
      yield* page.items;
      cursor = page.nextCursor;
      if (page.items.length === 0) await transport.runtime.sleep(pollMs, filters.signal);
    }
  }
  return {
    list,
    followPage,
    follow,
    all: (filters = {}) => itemsOf((cursor) => list({ ...filters, cursor: cursor ?? filters.cursor })),
    checkpoints: ({ limit, cursor, signal } = {}) =>
      transport.json(
        { method: 'GET', path: '/v1/audit/checkpoints', query: { limit, cursor }, repeat: 'always', signal },
        parsePage(parseAuditCheckpoint),
      ),
    proof: (auditId, { signal } = {}) =>
      transport.json(
        { method: 'GET', path: path`/v1/audit/${auditId}/proof`, repeat: 'always', signal },
        parseAuditProof,
      ),
    export: async ({ fromBatch, signal } = {}) => {
      const spec = { method: 'GET', path: '/v1/audit/export', query: { fromBatch }, repeat: 'always', signal } as const;
      return (await transport.open(spec)).body ?? new Blob([]).stream();
    },
  };
}
