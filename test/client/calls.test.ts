import { expect, test } from 'vitest';
import { answer, failFirst, refuse } from './fake-answers.ts';
import { startFakeServer } from './fake-server.ts';
import { failureOf, testClient } from './support.ts';

const EXPIRES = '2099-01-01T00:00:00.000Z';

test('a list is read page by page, and no further than it is consumed', async () => {
  await using server = await startFakeServer();
  const row = (auditId: number) => ({
    auditId,
    tenantId: 'default',
    actor: 'alice',
    action: 'repo.created',
    resourceType: 'repository',
    resourceId: 'libs',
    repoKey: 'libs',
    occurredAtUtc: EXPIRES,
    requestId: null,
    details: { more: true },
  });
  server.fault = (seen, response) => {
    const page = Number(seen.url.searchParams.get('cursor') ?? '0');
    return answer(response, 200, {
      items: [row(page * 2), row(page * 2 + 1)],
      nextCursor: page < 2 ? String(page + 1) : null,
    });
  };
  const { client } = testClient(server.url);
  const ids: string[] = [];
  for await (const { auditId } of client.audit.all({ actor: 'alice', limit: 2 })) ids.push(auditId);
  expect(ids).toEqual(['0', '1', '2', '3', '4', '5']);
  expect(server.requests.map((seen) => seen.url.search)).toEqual([
    '?actor=alice&limit=2',
    '?actor=alice&limit=2&cursor=1',
    '?actor=alice&limit=2&cursor=2',
  ]);

  server.requests.length = 0;
  for await (const first of client.audit.all()) {
    expect(first.auditId).toBe('0');
    break;
  }
  expect(server.requests).toHaveLength(1);
});

test('issuing a token is never repeated, except where the server did nothing', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  const request = { subject: 'ci', scopes: [], ttlMinutes: 5 };
  server.fault = (_, response) => Boolean(response.socket?.resetAndDestroy());
  expect(await failureOf(client.tokens.issue(request))).toMatchObject({ code: 'network_error' });
  server.fault = (_, response) => refuse(response, 503, 'service_unavailable');
  expect(await failureOf(client.tokens.issue(request))).toMatchObject({ code: 'service_unavailable' });
  expect(server.requests).toHaveLength(2);

  const limited = failFirst(1, 'POST', /pats/, (response) =>
    refuse(response, 429, 'rate_limited', { 'retry-after': '1' }),
  );
  server.fault = (seen, response) =>
    limited(seen, response) ||
    answer(response, 200, { tokenId: 't', token: 'aft_x', subject: 'ci', scopes: [], expiresAtUtc: EXPIRES });
  expect(await client.tokens.issue({ ...request, bootstrapToken: 'b00t' })).toMatchObject({ token: 'aft_x' });
  expect(server.requests.at(-1)?.headers['x-bootstrap-token']).toBe('b00t');
});

test('a wait longer than the bound is handed to the caller at once', async () => {
  await using server = await startFakeServer();
  server.fault = (_, response) => refuse(response, 429, 'rate_limited', { 'retry-after': '3600' });
  const { client, sleptMs } = testClient(server.url);
  expect(await failureOf(client.service.whoami())).toMatchObject({ code: 'rate_limited', retryAfterMs: 3_600_000 });
  expect(sleptMs).toEqual([]);
});

test('a server that is not ready is an answer, not an error', async () => {
  await using server = await startFakeServer();
  server.fault = (_, response) =>
    answer(response, 503, { status: 'unavailable', dependencies: { database: { status: 'down' } } });
  const { client } = testClient(server.url);
  expect(await client.service.readiness()).toEqual({
    ready: false,
    status: 'unavailable',
    dependencies: { database: { status: 'down', detail: null, capabilities: null } },
  });
});

test('something else on that port is told as such', async () => {
  await using server = await startFakeServer();
  server.fault = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end('<html>a router</html>');
    return true;
  };
  const { client } = testClient(server.url);
  expect(await failureOf(client.service.whoami())).toMatchObject({ code: 'invalid_response' });
  server.fault = (_, response) => answer(response, 200, { subject: 7 });
  expect(String(await failureOf(client.service.whoami()))).toContain('subject should be text');
  server.fault = (_, response) => {
    response.writeHead(502, { 'content-type': 'text/html' });
    response.end('<html>Bad gateway</html>');
    return true;
  };
  expect(await failureOf(client.service.whoami())).toMatchObject({ code: 'service_unavailable', status: 502 });
});

test('the token goes to the server in its header, and nowhere else', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  await client.service.whoami();
  expect(server.requests[0]?.headers.authorization).toBe('Bearer aft_test');
  expect(server.requests[0]?.url.search).toBe('');
});

test('a call with an aborted signal sends nothing', async () => {
  await using server = await startFakeServer();
  const { client } = testClient(server.url);
  const reason = new Error('never mind');
  expect(await failureOf(client.service.whoami({ signal: AbortSignal.abort(reason) }))).toBe(reason);
  expect(server.requests).toHaveLength(0);
});
