import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** An issuer of JWTs on this machine, as a CI system is one: a discovery document, a key set, and keys that come and go. */
export interface Issuer {
  url: string;
  /** How often its keys were asked for. */
  readonly keyFetches: number;
  /** How often it was asked for anything. */
  readonly requests: number;
  sign(claims: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  /** From now on another key signs, and only that one is published. */
  rotate(): Promise<void>;
  /** The key set as it is published. */
  publishedKeys(): JWK[];
  privateKey(): CryptoKey;
  /** Answers nothing but 500. */
  fail(failing: boolean): void;
  close(): Promise<void>;
}

export async function startIssuer(): Promise<Issuer> {
  let keyNumber = 0;
  let failing = false;
  let keyFetches = 0;
  let requests = 0;
  let current = await newKey(keyNumber);
  let url = '';

  const server = createServer((request, response) => {
    const documents: Record<string, () => unknown> = {
      '/.well-known/openid-configuration': () => ({ issuer: url, jwks_uri: `${url}/keys` }),
      '/keys': () => {
        keyFetches += 1;
        return { keys: [current.published] };
      },
    };
    requests += 1;
    const document = documents[request.url ?? ''];
    if (failing || document === undefined) response.writeHead(500).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;

  return {
    url,
    get keyFetches() {
      return keyFetches;
    },
    get requests() {
      return requests;
    },
    sign: (claims, header = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid: current.published.kid ?? '', ...header })
        .sign(current.privateKey),
    async rotate() {
      keyNumber += 1;
      current = await newKey(keyNumber);
    },
    publishedKeys: () => [current.published],
    privateKey: () => current.privateKey,
    fail: (now) => {
      failing = now;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function newKey(number: number): Promise<{ privateKey: CryptoKey; published: JWK }> {
  const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { privateKey, published: { ...(await exportJWK(publicKey)), kid: `key-${number}`, alg: 'RS256', use: 'sig' } };
}

export interface SettingsFile {
  path: string;
  remove(): Promise<void>;
}

/** The file that ARTIFORTRESS_OIDC_FILE names. */
export async function writeOidcFile(issuers: readonly object[]): Promise<SettingsFile> {
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-oidc-'));
  const path = join(folder, 'oidc.json');
  await writeFile(path, JSON.stringify({ issuers }));
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** An issuer, the file that configures it, and the JWTs of its one job: for tests that are about something else. */
export async function startJobs(scopes: string[]) {
  const issuer = await startIssuer();
  const rules = [{ claims: { sub: 'job' }, scopes }];
  const file = await writeOidcFile([{ issuer: issuer.url, audience: 'artifortress', rules }]);
  return {
    oidcFile: file.path,
    /** @param now the server's time, in seconds. */
    jwt: (now: number) =>
      issuer.sign({
        iss: issuer.url,
        aud: 'artifortress',
        sub: 'job',
        iat: Math.floor(now),
        exp: Math.floor(now) + 300,
      }),
    async close() {
      await issuer.close();
      await file.remove();
    },
  };
}
