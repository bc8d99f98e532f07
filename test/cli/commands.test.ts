import { expect, test } from 'vitest';
import { answer } from '../client/fake-answers.ts';
import { type FakeServer, startFakeServer } from '../client/fake-server.ts';
import { cli, temporaryFolder } from './support.ts';

const WHEN = '2099-01-01T00:00:00.000Z';
const DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** One command against a server that answers everything with the same body. */
async function run(argv: readonly string[], status: number, body: unknown, variables: Record<string, string> = {}) {
  await using server: FakeServer = await startFakeServer();
  await using home = await temporaryFolder();
  server.fault = (_, response) => answer(response, status, body);
  const environment = { ARTIFORTRESS_URL: server.url, ARTIFORTRESS_TOKEN: 'aft_test', ...variables };
  const result = await cli(argv, home.path, { variables: environment, stdin: 'b00t\n' });
  const [request] = server.requests;
  return {
    ...result,
    stdout: result.stdout.toString(),
    request,
    sentJson: JSON.parse(request?.body.toString() || 'null'),
  };
}

test('token issue prints the secret alone, the rest beside it', async () => {
  const issued = { tokenId: 't-1', token: 'aft_new', subject: 'ci', scopes: ['repo:libs:write'], expiresAtUtc: WHEN };
  const argv = [
    'token',
    'issue',
    '--subject',
    'ci',
    '--scope',
    'repo:libs:write',
    '--scope',
    'repo:a:read',
    '--ttl',
    '1h',
  ];
  const own = await run(argv, 200, issued);
  expect(own).toMatchObject({ code: 0, stdout: 'aft_new\n' });
  expect(own.stderr).toContain('t-1');
  expect(own.stderr).not.toContain('aft_new');
  expect(own.sentJson).toEqual({ subject: 'ci', scopes: ['repo:libs:write', 'repo:a:read'], ttlMinutes: 60 });
  expect(own.request?.headers).toMatchObject({ authorization: 'Bearer aft_test' });

  const first = await run([...argv, '--bootstrap-token-stdin'], 200, issued);
  expect(first.request?.headers).toMatchObject({ 'x-bootstrap-token': 'b00t' });
  expect(first.request?.headers.authorization).toBeUndefined();

  const fromVariable = await run(argv, 200, issued, { ARTIFORTRESS_BOOTSTRAP_TOKEN: 'from-env' });
  expect(fromVariable.request?.headers).toMatchObject({ 'x-bootstrap-token': 'from-env' });
});

test.each([
  [['repo', 'create', 'libs'], 201, { repoKey: 'libs', repoType: 'local' }, 'POST /v1/repos'],
  [['repo', 'show', 'libs'], 200, { repoKey: 'libs', repoType: 'local' }, 'GET /v1/repos/libs'],
  [['repo', 'delete', 'libs'], 200, { repoKey: 'libs', status: 'deleted' }, 'DELETE /v1/repos/libs'],
  [['token', 'revoke', 't-1'], 200, { tokenId: 't-1', status: 'revoked' }, 'POST /v1/auth/pats/revoke'],
  [
    ['binding', 'set', 'libs', 'alice', '--role', 'read', '--role', 'promote'],
    200,
    { repoKey: 'libs', subject: 'alice', roles: ['read', 'promote'], updatedAtUtc: WHEN },
    'PUT /v1/repos/libs/bindings/alice',
  ],
  [['binding', 'delete', 'libs', 'a/b'], 200, {}, 'DELETE /v1/repos/libs/bindings/a%2Fb'],
  [['blob', 'delete', `libs/${DIGEST}`], 200, {}, `DELETE /v1/repos/libs/blobs/${DIGEST}`],
  [
    ['upload', 'abort', 'libs/u-1', '--reason', 'mistake'],
    200,
    { uploadId: 'u-1', repoKey: 'libs', state: 'aborted', reason: 'mistake' },
    'POST /v1/repos/libs/uploads/u-1/abort',
  ],
])('%j asks for its route, and prints JSON when told to', async (argv, status, body, route) => {
  const plain = await run(argv, status, body);
  expect(plain.code).toBe(0);
  expect(`${plain.request?.method} ${plain.request?.path}`).toBe(route);
  const json = await run([...argv, '--json', '--quiet'], status, body);
  expect(json.stderr).toBe('');
  expect(JSON.parse(json.stdout)).toMatchObject(Object.keys(body).length === 0 ? { status: 'deleted' } : body);
});

test('what a repository is made of is sent as the contract names it', async () => {
  const argv = ['repo', 'create', 'all', '--type', 'virtual', '--member', 'a', '--member', 'b'];
  const { sentJson } = await run(argv, 201, { repoKey: 'all', repoType: 'virtual', memberRepos: ['a', 'b'] });
  expect(sentJson).toEqual({ repoKey: 'all', repoType: 'virtual', memberRepos: ['a', 'b'] });
});

test('a list is a table for people and items for scripts, and tells when there is more', async () => {
  const items = [
    { digest: DIGEST, length: 2048, createdAtUtc: WHEN, createdBy: 'alice' },
    { digest: DIGEST.replace('e', 'f'), length: 5, createdAtUtc: WHEN, createdBy: 'bob' },
  ];
  const plain = await run(['blob', 'list', 'libs', '--prefix', 'e3', '--limit', '2'], 200, {
    items,
    nextCursor: 'c-2',
  });
  expect(plain.request?.url.search).toBe('?limit=2&prefix=e3');
  expect(plain.stdout.split('\n')).toHaveLength(4);
  expect(plain.stdout).toContain('2.00 KiB');
  expect(plain.stderr).toContain('--cursor c-2');
  const json = await run(['blob', 'list', 'libs', '--json'], 200, { items, nextCursor: 'c-2' });
  expect(JSON.parse(json.stdout)).toEqual({ items, nextCursor: 'c-2' });
  const empty = await run(['blob', 'list', 'libs', '--json', '--all'], 200, { items: [], nextCursor: null });
  expect(JSON.parse(empty.stdout)).toEqual({ items: [], nextCursor: null });
  expect((await run(['blob', 'list', 'libs'], 200, { items: [], nextCursor: null })).stderr).toContain(
    'artifortress push',
  );
});

test('--all reads every page, the JSON still one value', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  server.fault = (seen, response) => {
    const page = Number(seen.url.searchParams.get('cursor') ?? '0');
    const items = [{ repoKey: `repo-${page}`, repoType: 'local' }];
    return answer(response, 200, { items, nextCursor: page < 2 ? String(page + 1) : null });
  };
  const variables = { ARTIFORTRESS_URL: server.url, ARTIFORTRESS_TOKEN: 'aft_test' };
  const { stdout } = await cli(['repo', 'list', '--all', '--json'], home.path, { variables });
  const parsed: { items: { repoKey: string }[] } = JSON.parse(stdout.toString());
  expect(parsed.items.map((item) => item.repoKey)).toEqual(['repo-0', 'repo-1', 'repo-2']);
  expect(server.requests[0]?.url.searchParams.get('limit')).toBe('500');
});

test('audit hands its filters on', async () => {
  const row = {
    auditId: 'a-1',
    tenantId: 'default',
    actor: 'alice',
    action: 'upload.committed',
    resourceType: 'upload_session',
    resourceId: 'u-1',
    repoKey: 'libs',
    occurredAtUtc: WHEN,
    requestId: 'r',
    details: {},
  };
  const argv = [
    'audit',
    '--actor',
    'alice',
    '--action',
    'upload.committed',
    '--since',
    WHEN,
    '--resource-type',
    'upload_session',
    '--repo',
    'libs',
  ];
  const { request, stdout } = await run(argv, 200, { items: [row], nextCursor: null });
  expect(Object.fromEntries(request?.url.searchParams ?? [])).toEqual({
    actor: 'alice',
    action: 'upload.committed',
    since: WHEN,
    resourceType: 'upload_session',
    repoKey: 'libs',
  });
  expect(stdout).toContain('upload_session u-1');
});

test('a blob that the repository does not hold is not found, by stat too', async () => {
  const { code, stderr } = await run(['blob', 'stat', `libs/${DIGEST}`], 200, { items: [], nextCursor: null });
  expect(code).toBe(4);
  expect(stderr).toContain('holds no blob');
});

test('an upload is shown with the parts that the store holds', async () => {
  const upload = {
    uploadId: 'u-1',
    repoKey: 'libs',
    expectedDigest: DIGEST,
    expectedLength: 4096,
    state: 'aborted',
    deduped: false,
    reason: 'expired',
    createdAtUtc: WHEN,
    expiresAtUtc: WHEN,
    parts: [{ partNumber: 1, sizeBytes: 2048, etag: '"x"' }],
  };
  const { stdout } = await run(['upload', 'show', 'libs/u-1'], 200, upload);
  expect(stdout).toContain('aborted (expired)');
  expect(stdout).toContain('1 (2.00 KiB)');
});

test('status ends with 6 while the server is not ready, and needs no token', async () => {
  await using server = await startFakeServer();
  await using home = await temporaryFolder();
  let ready = false;
  server.fault = (seen, response) => {
    if (seen.path === '/') return answer(response, 200, { service: 'artifortress', version: '1.2.3' });
    if (seen.path !== '/health/ready') return false;
    const dependencies = { database: { status: ready ? 'up' : 'down' } };
    return answer(response, ready ? 200 : 503, { status: ready ? 'ready' : 'unavailable', dependencies });
  };
  const down = await cli(['status'], home.path, { variables: { ARTIFORTRESS_URL: server.url } });
  expect(down.code).toBe(6);
  expect(down.stdout.toString()).toMatch(/Ready +no\n.*database +down\nSigned in +no/);
  ready = true;
  const variables = { ARTIFORTRESS_URL: server.url, ARTIFORTRESS_TOKEN: 'aft_test' };
  const up = await cli(['health', '--json'], home.path, { variables });
  expect(up.code).toBe(0);
  expect(JSON.parse(up.stdout.toString())).toMatchObject({
    ready: true,
    version: '1.2.3',
    identity: { subject: 'alice' },
  });
});

test('a server that is not there ends with 6, and says what to check', async () => {
  await using home = await temporaryFolder();
  const server = await startFakeServer();
  await server[Symbol.asyncDispose]();
  const variables = { ARTIFORTRESS_URL: server.url, ARTIFORTRESS_TOKEN: 'aft_test' };
  const { code, stderr } = await cli(['whoami'], home.path, { variables });
  expect(code).toBe(6);
  expect(stderr).toContain('ECONNREFUSED');
  expect(stderr).toContain('artifortress serve');
});
