import { expect } from 'vitest';
import { ERROR_REGISTRY } from '../../../src/kernel/errors.ts';
import type { Reply, TestServer } from '../../support/test-server.ts';
import { sha256 } from '../../support/uploading.ts';

export type Outcome =
  | { kind: 'done' }
  /** Not done yet, and on its way: a 202. */
  | { kind: 'in_progress' }
  /** As an outage may refuse: ask again later. */
  | { kind: 'refused'; code: string }
  | { kind: 'surprise'; what: string };

/** The codes that an outage may be answered with (contract, "Conventions"). */
const OUTAGE_CODES = ['service_unavailable', 'storage_access_denied', 'insufficient_storage'] as const;

/** What only we and our operator may know of what is away. */
const INTERNALS =
  /127\.0\.0\.1|minio|versity|s3|socket|postgres|ECONN|ENO|injected|SlowDown|AccessDenied|InternalError/i;

/** What an answer amounts to, in an outage or not: anything but success, or a refusal as the contract words it, is a surprise. */
export function judge(reply: Pick<Reply, 'status' | 'headers' | 'bytes'>): Outcome {
  const { status, headers, bytes } = reply;
  if (status === 200 || status === 201) return { kind: 'done' };
  const retryAfter = /^[1-9]\d*$/.test(headers.get('retry-after') ?? '');
  if (status === 202 && retryAfter) return { kind: 'in_progress' };
  const text = bytes.toString();
  const code = OUTAGE_CODES.find((one) => text.includes(`"error":"${one}"`));
  const wellFormed = /"message":"[^"]+\."/.test(text) && text.includes(`"requestId":"${headers.get('x-request-id')}"`);
  const asDocumented = code !== undefined && ERROR_REGISTRY[code].status === status && retryAfter && wellFormed;
  if (asDocumented && !INTERNALS.test(text)) return { kind: 'refused', code };
  return { kind: 'surprise', what: `${status} ${text.slice(0, 500)} (Retry-After: ${headers.get('retry-after')})` };
}

/** Whether the server says that it can serve, and which of what it depends on is up; told to anybody. */
export async function readiness(
  server: TestServer,
): Promise<{ status: number; database: string; objectStore: string }> {
  const { status, headers, json } = await server.request('GET', '/health/ready', { token: null });
  if (status === 503) expect(headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
  const { database, objectStore } = json.dependencies;
  return { status, database: database.status, objectStore: objectStore.status };
}

/** Every one of these blobs is there, whole, and as it was committed. */
export async function expectReadable(server: TestServer, digests: readonly string[], repoKey = 'apps'): Promise<void> {
  expect(digests.length).toBeGreaterThan(0);
  for (const digest of digests) {
    const { status, bytes } = await server.request('GET', `/v1/repos/${repoKey}/blobs/${digest}`);
    expect([status, sha256(bytes)]).toEqual([200, digest]);
  }
}
