import { Agent } from 'node:http';
import { type Arbitrary, array, constantFrom, integer, oneof, string } from 'fast-check';
import { startTestServer, type TestServer } from '../../support/test-server.ts';
import { complete, createSession, sendPart, sha256, uniqueBytes, upload } from '../../support/uploading.ts';
import type { Operation } from './document.ts';
import type { Names } from './requests.ts';

export interface FuzzWorld {
  server: TestServer;
  agent: Agent;
  namesFor(operation: Operation): Names;
  close(): Promise<void>;
}

/** A server with a little of everything, so that requests get past the first checks. */
export async function createFuzzWorld(): Promise<FuzzWorld> {
  const server = await startTestServer({ settings: { jsonBodyTimeoutSeconds: 5 } });
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  for (const repoKey of ['apps', 'libs']) await server.createRepository(repoKey);
  const stored = uniqueBytes();
  await upload(server, 'apps', stored);
  await server.request('PUT', '/v1/repos/apps/bindings/alice', { json: { roles: ['read'] } });

  const open = await createSession(server, 'apps', uniqueBytes());
  const bytes = uniqueBytes();
  const pending = await createSession(server, 'apps', bytes);
  const etag = await sendPart(server, pending, bytes);
  await complete(server, pending, etag);
  // A checkout bundles the console at the first request for it, which takes longer than an operation is given here.
  await server.request('GET', '/console');
  const uploadIds = [open.uploadId, pending.uploadId, crypto.randomUUID()];

  const reader = await server.issueToken('reader', ['repo:apps:read']);
  const writer = await server.issueToken('writer', ['repo:apps:write']);
  const spare = await server.request('POST', '/v1/auth/pats', {
    json: { subject: 'spare', scopes: ['repo:apps:read'], ttlMinutes: 5 },
  });

  const digest = constantFrom(sha256(stored), `sha256:${sha256(bytes)}`, 'a'.repeat(64), sha256(new Uint8Array()));
  const freshKey = string({ unit: constantFrom(...'abc123'.split('')), minLength: 1, maxLength: 20 });
  const known: Record<string, Arbitrary<unknown>> = {
    repoKey: constantFrom('apps', 'libs', 'nowhere'),
    uploadId: constantFrom(...uploadIds),
    digest,
    expectedDigest: digest,
    sha256: digest,
    expectedLength: constantFrom(0, stored.length, bytes.length, 1),
    prefix: constantFrom('a', sha256(stored).slice(0, 8)),
    subject: constantFrom('alice', 'bob', 'ci:org/app'),
    'scopes[]': constantFrom('repo:apps:read', 'repo:*:write', 'repo:libs:promote'),
    tokenId: constantFrom(String(spare.json.tokenId), crypto.randomUUID()),
    upstreamUrl: constantFrom('https://registry.example.com', 'http://127.0.0.1/', 'https://example.org/a?b#c'),
    'memberRepos[]': constantFrom('apps', 'libs'),
    etag: constantFrom(etag, '"x"'),
    cursor: constantFrom('MQ', 'x'),
    since: constantFrom('2026-01-01T00:00:00Z', '2026-01-01T00:00:00+02:00'),
    until: constantFrom('2030-01-01T00:00:00Z'),
    fromBatch: constantFrom('1', '2'),
    auditId: integer({ min: 1, max: 50 }),
    redirect: constantFrom('0', '1'),
    state: constantFrom('initiated', 'committed'),
    name: constantFrom('console.js', 'console.css', 'none.js'),
    '*': constantFrom(`blobs/sha256/aa/${'a'.repeat(64)}/${crypto.randomUUID()}-1`, 'x'),
  };

  return {
    server,
    agent,
    namesFor: (operation) => ({
      known: { ...known, ...replacements(operation, freshKey) },
      tokens: [server.adminToken, reader, writer],
    }),
    async close() {
      agent.destroy();
      await server.close();
    },
  };
}

/** What is made is new, and what goes is nobody's. */
function replacements({ name }: Operation, freshKey: Arbitrary<string>): Record<string, Arbitrary<unknown>> {
  if (name === 'POST /v1/repos') return { repoKey: freshKey };
  if (name === 'DELETE /v1/repos/{repoKey}') return { repoKey: oneof(freshKey, constantFrom('doomed')) };
  if (name.startsWith('POST /v1/auth/pats')) return { scopes: array(constantFrom('repo:apps:read'), { minLength: 1 }) };
  return {};
}
