import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RequestOptions, startTestServer, type TestServer } from '../support/test-server.ts';
import { createSession, sha256, uniqueBytes } from '../support/uploading.ts';
import { expectError } from './expect-error.ts';

let server: TestServer;
/** May promote, in a repository that no test asks for: let in nowhere. */
let powerless: string;
let uploadPath: string;

beforeAll(async () => {
  server = await startTestServer();
  await server.createRepository('apps');
  powerless = await server.issueToken('mallory', ['repo:elsewhere:promote']);
  await server.request('POST', '/v1/repos', {
    json: { repoKey: 'virtual', repoType: 'virtual', memberRepos: ['apps'] },
  });
  uploadPath = (await createSession(server, 'apps', uniqueBytes())).path;
});

afterAll(() => server.close());

type Ask = [path: string, options?: RequestOptions];

interface Row {
  route: string;
  /** Malformed, and about a repository that is not there where there is one to name. */
  malformed: Ask | null;
  /** Well-formed, and about what is not there. */
  absent: Ask | null;
  /** Well-formed, and about what is there in a state that does not allow it. */
  conflicting?: () => Ask;
  /** It is for the body to say what it takes: with a powerless token the answer comes after the body was read. */
  judgedByBody?: RequestOptions;
}

const NOWHERE = '/v1/repos/nowhere';
const UPLOAD_ID = crypto.randomUUID();
const DIGEST = sha256(uniqueBytes());
const declared = { expectedDigest: DIGEST, expectedLength: 5 };
const parts = [{ partNumber: 1, etag: 'etag' }];

const ROWS: Row[] = [
  {
    route: 'POST /v1/auth/pats',
    malformed: ['/v1/auth/pats', { json: { subject: '', scopes: [], ttlMinutes: 30 } }],
    absent: null,
    judgedByBody: { json: { subject: 'root', scopes: ['repo:*:admin'], ttlMinutes: 30 } },
  },
  { route: 'GET /v1/auth/pats', malformed: ['/v1/auth/pats?limit=0'], absent: null },
  {
    route: 'POST /v1/auth/pats/revoke',
    malformed: ['/v1/auth/pats/revoke', { json: { tokenId: 'none' } }],
    absent: ['/v1/auth/pats/revoke', { json: { tokenId: crypto.randomUUID() } }],
    judgedByBody: { json: { tokenId: crypto.randomUUID() } },
  },
  { route: 'GET /v1/repos', malformed: ['/v1/repos?cursor=none!'], absent: null },
  {
    route: 'POST /v1/repos',
    malformed: ['/v1/repos', { json: { repoKey: 'no key', repoType: 'local' } }],
    absent: null,
    conflicting: () => ['/v1/repos', { json: { repoKey: 'apps', repoType: 'local' } }],
  },
  { route: 'GET /v1/repos/:repoKey', malformed: ['/v1/repos/no%20key'], absent: [NOWHERE] },
  {
    route: 'DELETE /v1/repos/:repoKey',
    malformed: ['/v1/repos/no%20key'],
    absent: [NOWHERE],
    conflicting: () => ['/v1/repos/apps'],
  },
  {
    route: 'PUT /v1/repos/:repoKey/bindings/:subject',
    malformed: [`${NOWHERE}/bindings/alice`, { json: { roles: [] } }],
    absent: [`${NOWHERE}/bindings/alice`, { json: { roles: ['read'] } }],
  },
  {
    route: 'GET /v1/repos/:repoKey/bindings',
    malformed: [`${NOWHERE}/bindings?cursor=none!`],
    absent: [`${NOWHERE}/bindings`],
  },
  {
    route: 'DELETE /v1/repos/:repoKey/bindings/:subject',
    malformed: [`${NOWHERE}/bindings/%00`],
    absent: [`${NOWHERE}/bindings/alice`],
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads',
    malformed: [`${NOWHERE}/uploads`, { json: { ...declared, expectedLength: -1 } }],
    absent: [`${NOWHERE}/uploads`, { json: declared }],
    conflicting: () => ['/v1/repos/virtual/uploads', { json: declared }],
  },
  {
    route: 'GET /v1/repos/:repoKey/uploads',
    malformed: [`${NOWHERE}/uploads?cursor=none!`],
    absent: [`${NOWHERE}/uploads`],
  },
  {
    route: 'GET /v1/repos/:repoKey/uploads/:uploadId',
    malformed: [`${NOWHERE}/uploads/no-id`],
    absent: [`${NOWHERE}/uploads/${UPLOAD_ID}`],
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/parts',
    malformed: [
      `${NOWHERE}/uploads/${UPLOAD_ID}/parts`,
      { json: { parts: [{ partNumber: 1, sha256: DIGEST }, { partNumber: 2 }] } },
    ],
    absent: [`${NOWHERE}/uploads/${UPLOAD_ID}/parts`, { json: { partNumber: 1 } }],
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/complete',
    malformed: [`${NOWHERE}/uploads/${UPLOAD_ID}/complete`, { json: { parts: [] } }],
    absent: [`${NOWHERE}/uploads/${UPLOAD_ID}/complete`, { json: { parts } }],
    conflicting: () => [`${uploadPath}/complete`, { json: { parts } }],
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/commit',
    malformed: [`${NOWHERE}/uploads/no-id/commit`],
    absent: [`${NOWHERE}/uploads/${UPLOAD_ID}/commit`],
    conflicting: () => [`${uploadPath}/commit`],
  },
  {
    route: 'POST /v1/repos/:repoKey/uploads/:uploadId/abort',
    malformed: [`${NOWHERE}/uploads/${UPLOAD_ID}/abort`, { json: { reason: '' } }],
    absent: [`${NOWHERE}/uploads/${UPLOAD_ID}/abort`],
  },
  {
    route: 'GET /v1/repos/:repoKey/blobs',
    malformed: [`${NOWHERE}/blobs?cursor=none!`],
    absent: [`${NOWHERE}/blobs`],
  },
  {
    route: 'GET /v1/repos/:repoKey/blobs/:digest',
    malformed: [`${NOWHERE}/blobs/no-digest`],
    absent: [`${NOWHERE}/blobs/${DIGEST}`],
  },
  {
    route: 'HEAD /v1/repos/:repoKey/blobs/:digest',
    malformed: [`${NOWHERE}/blobs/no-digest`],
    absent: [`${NOWHERE}/blobs/${DIGEST}`],
  },
  {
    route: 'PUT /v1/repos/:repoKey/blobs/:digest',
    malformed: [`${NOWHERE}/blobs/no-digest`, { body: 'bytes' }],
    absent: [`${NOWHERE}/blobs/${DIGEST}`, { body: 'bytes' }],
    conflicting: () => [`/v1/repos/virtual/blobs/${DIGEST}`, { body: 'bytes' }],
  },
  {
    route: 'DELETE /v1/repos/:repoKey/blobs/:digest',
    malformed: [`${NOWHERE}/blobs/no-digest`],
    absent: [`${NOWHERE}/blobs/${DIGEST}`],
  },
  { route: 'GET /v1/audit', malformed: ['/v1/audit?since=yesterday'], absent: null },
  { route: 'GET /v1/audit/checkpoints', malformed: ['/v1/audit/checkpoints?limit=0'], absent: null },
  { route: 'GET /v1/audit/export', malformed: ['/v1/audit/export?fromBatch=x'], absent: null },
  { route: 'GET /v1/audit/follow', malformed: ['/v1/audit/follow?since=yesterday'], absent: null },
  {
    route: 'GET /v1/audit/:auditId/proof',
    malformed: ['/v1/audit/none/proof'],
    absent: ['/v1/audit/999999999/proof'],
  },
  {
    route: 'GET /v1/repos/:repoKey/blobs/:digest/receipt',
    malformed: [`${NOWHERE}/blobs/no-digest/receipt`],
    absent: [`${NOWHERE}/blobs/${DIGEST}/receipt`],
  },
  { route: 'GET /v1/auth/whoami', malformed: null, absent: null },
  { route: 'GET /metrics', malformed: null, absent: null },
];

test('every route that asks who one is stands in this table', () => {
  const asking = server.running.routeTable.routes
    .filter(({ access }) => access.kind !== 'public' && access.kind !== 'signed_url')
    .map(({ method, pattern }) => `${method} ${pattern}`);
  const withoutHeads = asking.filter(
    (route) => !route.startsWith('HEAD ') || !asking.includes(route.replace('HEAD', 'GET')),
  );
  const known = ROWS.map((row) => row.route).filter((route) => !route.startsWith('HEAD '));
  expect(known.sort()).toEqual(withoutHeads.sort());
});

const methodOf = (route: string) => route.split(' ')[0] ?? '';
const pathOf = (row: Row) => row.malformed?.[0] ?? row.route.split(' ')[1] ?? '';

function ask(row: Row, [path, options]: Ask, token: string | null) {
  return server.request(methodOf(row.route), path, { ...options, token });
}

function expectCode(
  row: Row,
  reply: Awaited<ReturnType<typeof ask>>,
  status: number,
  code: Parameters<typeof expectError>[2],
) {
  if (methodOf(row.route) === 'HEAD') expect(reply.status).toBe(status);
  else expectError(reply, status, code);
}

test.each(ROWS)('$route: who are you comes before everything', async (row) => {
  expectCode(row, await ask(row, row.malformed ?? [pathOf(row)], null), 401, 'unauthorized');
});

const judgedByPath = ROWS.filter((row) => row.judgedByBody === undefined && row.route !== 'GET /v1/auth/whoami');

test.each(judgedByPath)('$route: may you comes before what is malformed', async (row) => {
  expectCode(row, await ask(row, row.malformed ?? [pathOf(row)], powerless), 403, 'forbidden');
});

test.each(judgedByPath)('$route: may you comes before a body that is no JSON', async (row) => {
  const ask: RequestOptions = { headers: { 'content-type': 'text/plain' } };
  if (!/^(GET|HEAD)/.test(row.route)) ask.body = '{';
  expectCode(
    row,
    await server.request(methodOf(row.route), pathOf(row), { ...ask, token: powerless }),
    403,
    'forbidden',
  );
});

test.each(ROWS.filter((row) => row.judgedByBody !== undefined))(
  '$route: may you comes before what is there',
  async (row) => {
    expectCode(row, await ask(row, [pathOf(row), row.judgedByBody ?? {}], powerless), 403, 'forbidden');
  },
);

test.each(judgedByPath.filter((row) => row.absent !== null))(
  '$route: may you comes before what is not there',
  async (row) => {
    if (row.absent !== null) expectCode(row, await ask(row, row.absent, powerless), 403, 'forbidden');
  },
);

test.each(ROWS.filter((row) => row.malformed !== null))(
  '$route: what is malformed comes before what is not there',
  async (row) => {
    if (row.malformed !== null) expectCode(row, await ask(row, row.malformed, server.adminToken), 400, 'bad_request');
  },
);

test.each(ROWS.filter((row) => row.absent !== null))(
  '$route: what is not there is a 404 to one who may',
  async (row) => {
    if (row.absent !== null) expectCode(row, await ask(row, row.absent, server.adminToken), 404, 'not_found');
  },
);

test.each(ROWS.filter((row) => row.conflicting !== undefined))(
  '$route: what is there and does not allow it is a 409',
  async (row) => {
    expectCode(row, await ask(row, row.conflicting?.() ?? [''], server.adminToken), 409, 'conflict');
  },
);

describe('a path that no route can be looked up for', () => {
  const ask = (token: string | null) => server.request('GET', '/v1/repos/%zz', { token });

  test('is a 401 to who sends no token, or a wrong one', async () => {
    expectError(await ask(null), 401, 'unauthorized');
    expectError(await ask('aft_nonsense'), 401, 'unauthorized');
  });

  test('is a 400 to who is known', async () => {
    expectError(await ask(powerless), 400, 'bad_request');
  });
});

describe('beside a conflict', () => {
  test('a malformed field of a taken key is a 400', async () => {
    const json = { repoKey: 'apps', repoType: 'remote', upstreamUrl: 'nonsense' };
    expectError(await server.request('POST', '/v1/repos', { json }), 400, 'bad_request');
  });

  test('a member that is not there of a taken key is a 400', async () => {
    const json = { repoKey: 'apps', repoType: 'virtual', memberRepos: ['nowhere'] };
    expectError(await server.request('POST', '/v1/repos', { json }), 400, 'bad_request');
  });

  test('a length and a digest that cannot belong together are a 400', async () => {
    const json = { expectedDigest: DIGEST, expectedLength: 0 };
    expectError(await server.request('POST', '/v1/repos/virtual/uploads', { json }), 400, 'bad_request');
  });
});
