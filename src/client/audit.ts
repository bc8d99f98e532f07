import { itemsOf } from './pages.ts';
import { parseAuditRow, parsePage } from './responses.ts';
import type { Transport } from './transport.ts';
import type { AuditFilters, AuditRow, CallOptions, Page } from './types.ts';

export interface AuditApi {
  list(filters?: AuditFilters & CallOptions): Promise<Page<AuditRow>>;
  /** Every row that matches, newest first, page by page. */
  all(filters?: AuditFilters & CallOptions): AsyncGenerator<AuditRow>;
}

export function auditApi(transport: Transport): AuditApi {
  const list: AuditApi['list'] = ({ signal, ...filters } = {}) =>
    transport.json(
      { method: 'GET', path: '/v1/audit', query: { ...filters }, repeat: 'always', signal },
      parsePage(parseAuditRow),
    );
  return {
    list,
    all: (filters = {}) => itemsOf((cursor) => list({ ...filters, cursor: cursor ?? filters.cursor })),
  };
}
