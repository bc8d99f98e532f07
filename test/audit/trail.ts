import type { TestServer } from '../support/test-server.ts';

export interface TrailRow {
  auditId: string;
  tenantId: string;
  actor: string;
  action: string;
  resourceType: string;
  resourceId: string;
  repoKey: string | null;
  occurredAtUtc: string;
  requestId: string | null;
  details: Record<string, unknown>;
}

/** The rows of the trail that fit, newest first, as the API lists them. */
export async function readTrail(server: TestServer, filter: Record<string, string> = {}): Promise<TrailRow[]> {
  const query = new URLSearchParams({ limit: '500', ...filter });
  const reply = await server.request('GET', `/v1/audit?${query.toString()}`);
  if (reply.status !== 200) throw new Error(`no trail: ${reply.status} ${reply.bytes.toString()}`);
  return reply.json.items;
}
