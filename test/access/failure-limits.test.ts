import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createFailureLimiter } from '../../src/access/failure-limiter.ts';
import { newTokenSecret } from '../../src/access/model.ts';
import { readTrail } from '../audit/trail.ts';
import { expectError } from '../http/expect-error.ts';
import { startTestServer, type TestServer } from '../support/test-server.ts';
import { issue } from './tokens.ts';

const PER_ADDRESS = 30;
const PER_TOKEN = 5;

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({
    settings: {
      authFailuresPerMinute: PER_ADDRESS,
      tokenFailuresPerMinute: PER_TOKEN,
      trustedProxies: ['127.0.0.1'],
    },
  });
});

afterAll(() => server.close());

const unknownToken = () => newTokenSecret((count) => crypto.getRandomValues(Buffer.alloc(count)));

/** As a proxy that is trusted passes it on. */
const whoami = (token: string, address: string) =>
  server.request('GET', '/v1/auth/whoami', { token, headers: { 'x-forwarded-for': address } });

describe('refused secrets', () => {
  test('are a 429 for one token after so many, and for no other of that address', async () => {
    const token = unknownToken();
    for (let tries = 0; tries < PER_TOKEN; tries += 1) {
      expectError(await whoami(token, '192.0.2.1'), 401, 'unauthorized');
    }
    const reply = await whoami(token, '192.0.2.1');
    expectError(reply, 429, 'rate_limited');
    expect(Number(reply.headers.get('retry-after'))).toBeGreaterThan(0);
    expectError(await whoami(token, '192.0.2.2'), 429, 'rate_limited');
    expectError(await whoami(unknownToken(), '192.0.2.1'), 401, 'unauthorized');
    server.clock.advance({ seconds: 60 });
    expectError(await whoami(token, '192.0.2.1'), 401, 'unauthorized');
  });

  test('are a 429 for one address after so many, while good tokens and other addresses pass', async () => {
    const statuses: number[] = [];
    for (let tries = 0; tries < PER_ADDRESS + 5; tries += 1) {
      statuses.push((await whoami(unknownToken(), '192.0.2.3')).status);
    }
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(PER_ADDRESS);
    expect(statuses.at(-1)).toBe(429);
    expectError(await whoami('garbage', '192.0.2.3'), 429, 'rate_limited');
    expect((await whoami(server.adminToken, '192.0.2.3')).status).toBe(200);
    expectError(await whoami(unknownToken(), '192.0.2.4'), 401, 'unauthorized');
    const guess = await server.request('POST', '/v1/auth/pats', {
      token: null,
      headers: { 'x-bootstrap-token': server.bootstrapToken, 'x-forwarded-for': '192.0.2.3' },
      json: { subject: 'a', scopes: ['repo:x:read'], ttlMinutes: 5 },
    });
    expectError(guess, 429, 'rate_limited');
    const rows = await readTrail(server, { action: 'authz.denied' });
    const statusesOf401 = statuses.filter((status) => status === 401).length;
    expect(rows.length).toBeLessThanOrEqual(statusesOf401 + 3 * PER_TOKEN);
  });

  test('on a route that is open to all are counted, and refused no more than nobody', async () => {
    const token = unknownToken();
    for (let tries = 0; tries < PER_TOKEN + 2; tries += 1) {
      const reply = await server.request('GET', '/health/ready', {
        token,
        headers: { 'x-forwarded-for': '192.0.2.5' },
      });
      expect(reply.status).toBe(200);
    }
    expectError(await whoami(token, '192.0.2.5'), 429, 'rate_limited');
  });

  test('a token that becomes good again is not held back by others', async () => {
    const reply = await issue(server, { subject: 'alice', scopes: ['repo:x:read'] });
    expect((await whoami(String(reply.json.token), '192.0.2.3')).status).toBe(200);
  });
});

test('what a client says of its address is not believed unless it is a proxy of the settings', async () => {
  const open = await startTestServer({ settings: { authFailuresPerMinute: 3 } });
  const guess = (address: string) =>
    open.request('GET', '/v1/auth/whoami', { token: unknownToken(), headers: { 'x-forwarded-for': address } });
  const statuses = [];
  for (let tries = 0; tries < 5; tries += 1) statuses.push((await guess(`192.0.2.${tries}`)).status);
  expect(statuses).toEqual([401, 401, 401, 429, 429]);
  await open.close();
});

test('refused JWTs count as guesses of their address', async () => {
  const open = await startTestServer({ settings: { authFailuresPerMinute: 3 } });
  const statuses = [];
  for (let tries = 0; tries < 5; tries += 1) {
    const json = { token: `not.a.jwt${tries}` };
    statuses.push((await open.request('POST', '/v1/auth/oidc/exchange', { token: null, json })).status);
  }
  expect(statuses).toEqual([401, 401, 401, 429, 429]);
  await open.close();
});

test('the memory of failures is bounded', () => {
  const limiter = createFailureLimiter({ monotonicMs: () => 0 }, 1);
  for (let key = 0; key < 50_000; key += 1) limiter.count(`key-${key}`);
  expect(limiter.waitSeconds('key-49999')).toBeGreaterThan(0);
  expect(limiter.waitSeconds('key-39999')).toBe(0);
});
