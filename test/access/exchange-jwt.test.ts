import { createSecretKey } from 'node:crypto';
import { exportSPKI, importJWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readTrail } from '../audit/trail.ts';
import { expectError } from '../http/expect-error.ts';
import { type Reply, startTestServer, type TestServer } from '../support/test-server.ts';
import { type Issuer, type SettingsFile, startIssuer, writeOidcFile } from './issuer.ts';

const AUDIENCE = 'artifortress';
const MINUTE = 60;

let issuer: Issuer;
let stranger: Issuer;
let file: SettingsFile;
let server: TestServer;

beforeAll(async () => {
  issuer = await startIssuer();
  stranger = await startIssuer();
  file = await writeOidcFile([
    {
      issuer: issuer.url,
      audience: AUDIENCE,
      subject: 'ci:{repository}',
      ttlMinutes: 10,
      jwksCooldownSeconds: 0,
      rules: [
        { claims: { repository: 'org/app', ref: 'refs/heads/main' }, scopes: ['repo:app:write'] },
        { claims: { repository: 'org/*', ref: ['refs/heads/main', 'refs/tags/v*'] }, scopes: ['repo:shared:read'] },
      ],
    },
  ]);
  server = await startTestServer({ settings: { oidcFile: file.path } });
  await server.createRepository('app');
});

afterAll(async () => {
  await server.close();
  await Promise.all([issuer.close(), stranger.close(), file.remove()]);
});

beforeEach(() => issuer.fail(false));

const seconds = () => Math.floor(server.clock.now().getTime() / 1000);

/** What a job on the main branch is given by its CI system. */
function claims(change: Record<string, unknown> = {}): JWTPayload {
  const now = seconds();
  return {
    iss: issuer.url,
    aud: AUDIENCE,
    sub: 'repo:org/app:ref:refs/heads/main',
    iat: now,
    exp: now + 5 * MINUTE,
    jti: 'job-1',
    repository: 'org/app',
    ref: 'refs/heads/main',
    ...change,
  };
}

const exchange = (token: unknown): Promise<Reply> =>
  server.request('POST', '/v1/auth/oidc/exchange', { token: null, json: { token } });

describe('a JWT of a configured issuer', () => {
  test('is exchanged for a short token with the scopes of every rule that fits', async () => {
    const reply = await exchange(await issuer.sign(claims()));
    expect(reply.status).toBe(200);
    expect(reply.json).toMatchObject({ subject: 'ci:org/app', scopes: ['repo:app:write', 'repo:shared:read'] });
    const ttlMs = new Date(reply.json.expiresAtUtc).getTime() - server.clock.now().getTime();
    expect(Math.round(ttlMs / 60_000)).toBe(10);
    const token = String(reply.json.token);
    expect((await server.request('GET', '/v1/repos/app/blobs', { token })).status).toBe(200);
    expectError(await server.request('DELETE', '/v1/repos/app', { token }), 403, 'forbidden');
  });

  test('leaves a row that names the job, and not the JWT', async () => {
    const jwt = await issuer.sign(claims({ jti: 'job-2' }));
    const reply = await exchange(jwt);
    const [row] = await readTrail(server, { action: 'auth.oidc.exchanged', resourceId: reply.json.tokenId });
    expect(row).toMatchObject({
      actor: 'ci:org/app',
      resourceType: 'token',
      details: { issuer: issuer.url, jwtId: 'job-2', scopes: ['repo:app:write', 'repo:shared:read'] },
    });
    expect(JSON.stringify(row)).not.toContain(jwt.split('.')[2]);
  });

  test.each([
    ['a tag', { ref: 'refs/tags/v1' }, ['repo:shared:read']],
    ['another repository', { repository: 'org/other' }, ['repo:shared:read']],
  ])('gets less for %s', async (_name, change, scopes) => {
    expect((await exchange(await issuer.sign(claims(change)))).json.scopes).toEqual(scopes);
  });

  test.each([
    ['another branch', { ref: 'refs/heads/mainframe' }],
    ['a repository whose name only begins so', { repository: 'org/app/evil' }],
    ['another organisation', { repository: 'evil-org/app' }],
    ['a line break behind a value', { repository: 'org/app\n', ref: 'refs/heads/main' }],
    ['a space behind a value', { repository: 'org/app ' }],
    ['a claim of another kind', { repository: { name: 'org/app' } }],
    ['a missing claim', { repository: undefined }],
  ])('is a 403, with its row, for %s', async (_name, change) => {
    const reply = await exchange(await issuer.sign(claims(change)));
    expectError(reply, 403, 'forbidden');
    const [row] = await readTrail(server, { action: 'authz.denied', limit: '1' });
    expect(row).toMatchObject({ requestId: reply.json.requestId, details: { reason: 'no_rule' } });
  });

  test.each([
    ['a NUL', 'job\u0000', null],
    ['another kind', { id: 1 }, null],
    ['no end', 'j'.repeat(5_000), 'j'.repeat(256)],
  ])('is exchanged also where its id has %s, and the row holds what it can', async (_name, jti, recorded) => {
    expect((await exchange(await issuer.sign(claims({ jti })))).status).toBe(200);
    const [row] = await readTrail(server, { action: 'auth.oidc.exchanged', limit: '1' });
    expect(row?.details.jwtId).toBe(recorded);
  });

  test('gives nobody a name under which the trail writes by itself', async () => {
    const own = await startIssuer();
    const rules = [{ claims: { sub: '**' }, scopes: ['repo:app:read'] }];
    const ofOwn = await writeOidcFile([{ issuer: own.url, audience: AUDIENCE, subject: '{sub}', rules }]);
    const other = await startTestServer({ settings: { oidcFile: ofOwn.path } });
    const ask = async (sub: string) => {
      const token = await own.sign(claims({ iss: own.url, sub }));
      return await other.request('POST', '/v1/auth/oidc/exchange', { token: null, json: { token } });
    };
    expectError(await ask('system'), 403, 'forbidden');
    expect((await ask('systems')).status).toBe(200);
    await Promise.all([other.close(), own.close(), ofOwn.remove()]);
  });

  test('keeps being exchanged while the keys of its issuer are rotated', async () => {
    const old = await issuer.sign(claims());
    await issuer.rotate();
    expect((await exchange(await issuer.sign(claims()))).status).toBe(200);
    expectError(await exchange(old), 401, 'unauthorized');
  });
});

describe('what is no good JWT', () => {
  const attacks: [string, () => Promise<string> | string][] = [
    ['without a signature (alg none)', () => new UnsecuredJWT(claims()).encode()],
    [
      'signed with the public key as a secret (RS256 taken for HS256)',
      async () => {
        const [jwk = {}] = issuer.publishedKeys();
        const publicKey = await importJWK(jwk, 'RS256');
        if (publicKey instanceof Uint8Array) throw new Error('no public key');
        const secret = createSecretKey(Buffer.from(await exportSPKI(publicKey)));
        return await new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: jwk.kid ?? '' }).sign(secret);
      },
    ],
    ['of another issuer that names this one', () => stranger.sign(claims(), { kid: issuer.publishedKeys()[0]?.kid })],
    ['with a key that the issuer has not', () => issuer.sign(claims(), { kid: 'foreign' })],
    [
      'that brings its own key',
      async () => {
        const [jwk] = stranger.publishedKeys();
        return await stranger.sign(claims(), { kid: 'own', jwk });
      },
    ],
    [
      'that says where its keys are',
      () => stranger.sign(claims(), { kid: stranger.publishedKeys()[0]?.kid, jku: `${stranger.url}/keys` }),
    ],
    ['by an algorithm that is not configured', () => signedBy('PS256')],
    ['that has expired', () => issuer.sign(claims({ iat: seconds() - 600, exp: seconds() - 31 }))],
    ['that is not valid yet', () => issuer.sign(claims({ nbf: seconds() + 60 }))],
    ['from the future', () => issuer.sign(claims({ iat: seconds() + 60 }))],
    ['that is older than is allowed', () => issuer.sign(claims({ iat: seconds() - 3700, exp: seconds() + 60 }))],
    ['that never expires', () => issuer.sign(claims({ exp: undefined }))],
    ['without the time it was issued', () => issuer.sign(claims({ iat: undefined }))],
    ['without a subject', () => issuer.sign(claims({ sub: undefined }))],
    ['for another audience', () => issuer.sign(claims({ aud: 'sts.amazonaws.com' }))],
    ['for no audience', () => issuer.sign(claims({ aud: undefined }))],
    ['of an issuer that is not configured', () => stranger.sign(claims({ iss: stranger.url }))],
    ['of an issuer whose name only begins so', () => issuer.sign(claims({ iss: `${issuer.url}/` }))],
    [
      'with a critical header that is not understood',
      () =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'RS256', kid: issuer.publishedKeys()[0]?.kid ?? '', crit: ['x'], x: 1 })
          .sign(issuer.privateKey(), { crit: { x: true } }),
    ],
    ['whose claims were changed', async () => tampered(await issuer.sign(claims()))],
    ['that is none', () => 'not.a.jwt'],
    ['that is a token of ours', () => server.adminToken],
  ];

  async function signedBy(algorithm: string): Promise<string> {
    const [jwk = {}] = issuer.publishedKeys();
    const { exportJWK } = await import('jose');
    const key = await importJWK({ ...(await exportJWK(issuer.privateKey())), alg: algorithm }, algorithm);
    return await new SignJWT(claims()).setProtectedHeader({ alg: algorithm, kid: jwk.kid ?? '' }).sign(key);
  }

  function tampered(jwt: string): string {
    const [header, , signature] = jwt.split('.');
    const payload = Buffer.from(JSON.stringify(claims({ repository: 'org/other' }))).toString('base64url');
    return `${header}.${payload}.${signature}`;
  }

  test.each(attacks)('is a 401: one %s', async (_name, make) => {
    const reply = await exchange(await make());
    expectError(reply, 401, 'unauthorized');
    expect(reply.headers.get('www-authenticate')).toBe('Bearer');
    const [row] = await readTrail(server, { action: 'authz.denied', limit: '1' });
    expect(row).toMatchObject({
      actor: 'anonymous',
      requestId: reply.json.requestId,
      resourceId: 'POST /v1/auth/oidc/exchange',
    });
  });

  test.each([[undefined], [''], [42], [null], ['x'.repeat(17_000)]])('%s is a 400', async (token) => {
    expectError(await exchange(token), 400, 'bad_request');
  });

  test('within the clock skew is taken', async () => {
    const jwt = await issuer.sign(claims({ iat: seconds() + 20, nbf: seconds() + 20, exp: seconds() + 60 }));
    expect((await exchange(jwt)).status).toBe(200);
  });
});

describe('an issuer that is away', () => {
  test('is a 503 for its JWTs, and works again once it is back', async () => {
    const away = await startIssuer();
    const ofAway = await writeOidcFile([
      { issuer: away.url, audience: AUDIENCE, rules: [{ claims: { sub: '**' }, scopes: ['repo:app:read'] }] },
    ]);
    const other = await startTestServer({ settings: { oidcFile: ofAway.path } });
    const jwt = await away.sign(claims({ iss: away.url, sub: 'job' }));
    const ask = () => other.request('POST', '/v1/auth/oidc/exchange', { token: null, json: { token: jwt } });
    away.fail(true);
    const refused = await ask();
    expectError(refused, 503, 'service_unavailable');
    expect(refused.headers.get('retry-after')).toBeTruthy();
    away.fail(false);
    other.clock.advance({ seconds: 2 });
    expect((await ask()).json).toMatchObject({ subject: 'oidc:job', scopes: ['repo:app:read'] });
    await Promise.all([other.close(), away.close(), ofAway.remove()]);
  });

  test('is left alone for a moment, however many JWTs come', async () => {
    const away = await startIssuer();
    const rules = [{ claims: { sub: '**' }, scopes: ['repo:app:read'] }];
    const ofAway = await writeOidcFile([{ issuer: away.url, audience: AUDIENCE, rules }]);
    const other = await startTestServer({ settings: { oidcFile: ofAway.path } });
    const token = await away.sign(claims({ iss: away.url }));
    const ask = () => other.request('POST', '/v1/auth/oidc/exchange', { token: null, json: { token } });
    away.fail(true);
    const replies = await Promise.all(Array.from({ length: 20 }, ask));
    for (const reply of [...replies, await ask(), await ask()]) expectError(reply, 503, 'service_unavailable');
    expect(away.requests).toBeLessThanOrEqual(2);
    await Promise.all([other.close(), away.close(), ofAway.remove()]);
  });

  test('is not asked again for each JWT with a key that it has not', async () => {
    const busy = await startIssuer();
    const ofBusy = await writeOidcFile([
      { issuer: busy.url, audience: AUDIENCE, rules: [{ claims: { sub: '**' }, scopes: ['repo:app:read'] }] },
    ]);
    const other = await startTestServer({ settings: { oidcFile: ofBusy.path } });
    for (let round = 0; round < 10; round += 1) {
      const token = await busy.sign(claims({ iss: busy.url }), { kid: `foreign-${round}` });
      const reply = await other.request('POST', '/v1/auth/oidc/exchange', { token: null, json: { token } });
      expectError(reply, 401, 'unauthorized');
    }
    expect(busy.keyFetches).toBeLessThanOrEqual(2);
    await Promise.all([other.close(), busy.close(), ofBusy.remove()]);
  });
});

describe('the file of issuers', () => {
  const rules = [{ claims: { sub: 'x' }, scopes: ['repo:app:read'] }];
  const good = { issuer: 'https://issuer.example', audience: 'a', rules };

  test.each([
    ['an issuer in the clear', [{ ...good, issuer: 'http://issuer.example' }], /https/],
    ['an algorithm with a secret', [{ ...good, algorithms: ['HS256'] }], /algorithms/],
    ['a rule for everybody', [{ ...good, rules: [{ claims: {}, scopes: ['repo:app:read'] }] }], /everybody/],
    ['a scope that is none', [{ ...good, rules: [{ claims: { sub: 'x' }, scopes: ['repo:app:all'] }] }], /scopes/],
    ['an unknown name', [{ ...good, audiences: ['a'] }], /audiences/],
    ['the same issuer twice', [good, good], /twice/],
    ['no issuer', [], /issuers/],
  ])('with %s stops the start, and says why', async (_name, issuers, reason) => {
    const wrong = await writeOidcFile(issuers);
    await expect(startTestServer({ settings: { oidcFile: wrong.path } })).rejects.toThrow(reason);
    await wrong.remove();
  });

  test('that is missing stops the start', async () => {
    await expect(startTestServer({ settings: { oidcFile: '/nowhere/oidc.json' } })).rejects.toThrow(
      /ARTIFORTRESS_OIDC_FILE/,
    );
  });
});
