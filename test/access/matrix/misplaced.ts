import { rawRequest, sendRaw } from '../../http/raw-request.ts';
import type { Reply, RequestOptions, TestServer } from '../../support/test-server.ts';
import { sha256, uniqueBytes } from '../../support/uploading.ts';
import { REPOS } from './repositories.ts';

type Misplaced = [method: string, path: string, options?: RequestOptions];

const apps = `/v1/repos/${REPOS.asked}`;
const declared = { expectedDigest: sha256(uniqueBytes()), expectedLength: 1 };

/** Requests that carry a secret in their query. */
export const inQuery = (secret: string): Misplaced[] => [
  ['GET', `/?token=${secret}`],
  ['GET', `/nowhere?access_token=${secret}`],
  ['GET', `/v1/auth/whoami?access_token=${secret}`, { token: null }],
  ['GET', `/v1/repos?cursor=${secret}`],
  ['GET', `/v1/repos?limit=${secret}`],
  ['GET', `${apps}/blobs?prefix=${secret}`],
  ['GET', `${apps}/blobs/${declared.expectedDigest}?redirect=${secret}`],
  ['GET', `${apps}/uploads?state=${secret}`],
  ['GET', `/v1/audit?since=${secret}`],
  ['GET', `/v1/audit?actor=${secret}`],
  ['GET', `/v1/audit/export?fromBatch=${secret}`],
  ['PUT', `/v1/store/blobs?signature=${secret}`, { body: 'bytes' }],
  ['GET', `/metrics?token=${secret}`, { token: null }],
];

/** Requests that carry it in a header that is not for it, or in the right one in a wrong way. */
export const inHeaders = (secret: string): Misplaced[] => [
  ...[
    'cookie',
    'x-token',
    'x-api-key',
    'referer',
    'user-agent',
    'x-request-id',
    'traceparent',
    'x-forwarded-for',
    'origin',
  ].map((name): Misplaced => ['GET', '/v1/repos', { token: null, headers: { [name]: secret } }]),
  ['GET', '/v1/repos', { token: null, headers: { authorization: `Token ${secret}` } }],
  ['GET', '/v1/repos', { token: null, headers: { authorization: `Bearer ${secret} ${secret}` } }],
  ['GET', '/v1/repos', { token: null, headers: { authorization: `Bearer "${secret}"` } }],
  ['GET', '/health/ready', { token: secret }],
  ['POST', '/v1/repos', { headers: { 'content-type': secret }, body: '{}' }],
  ['GET', `${apps}/blobs/${declared.expectedDigest}`, { headers: { range: secret, 'if-none-match': secret } }],
  ['PUT', `${apps}/blobs/${declared.expectedDigest}`, { headers: { 'content-type': secret }, body: 'bytes' }],
];

/** Requests that carry it in a field that is not for it. What takes any text at all, such as a reason, is the caller's to keep. */
export const inBody = (secret: string): Misplaced[] => [
  ['POST', '/v1/auth/pats', { json: { subject: 'me', scopes: [secret], ttlMinutes: 30 } }],
  ['POST', '/v1/auth/pats', { json: { subject: 'me', scopes: [`repo:*:${secret}`], ttlMinutes: 30 } }],
  ['POST', '/v1/auth/pats', { json: { subject: 'me', scopes: ['repo:*:read'], ttlMinutes: secret } }],
  ['POST', '/v1/auth/pats', { json: { subject: 'me', scopes: ['repo:*:read'], ttlMinutes: 30, secret } }],
  ['POST', '/v1/auth/pats', { json: { [secret]: secret } }],
  ['POST', '/v1/auth/pats', { json: secret }],
  ['POST', '/v1/auth/pats', { body: `{"subject": "${secret}`, headers: { 'content-type': 'application/json' } }],
  ['POST', '/v1/auth/pats', { body: secret, headers: { 'content-type': 'application/json' } }],
  ['POST', '/v1/auth/pats', { body: secret, headers: { 'content-type': 'text/plain' } }],
  ['POST', '/v1/auth/pats/revoke', { json: { tokenId: secret } }],
  ['POST', '/v1/auth/oidc/exchange', { json: { token: secret } }],
  ['POST', '/v1/auth/oidc/exchange', { json: { token: `${secret}.${secret}.${secret}` } }],
  ['POST', '/v1/repos', { json: { repoKey: `no key ${secret}`, repoType: 'local' } }],
  ['POST', '/v1/repos', { json: { repoKey: 'x', repoType: secret } }],
  ['POST', '/v1/repos', { json: { repoKey: 'x', repoType: 'virtual', memberRepos: [`no key ${secret}`] } }],
  ['POST', '/v1/repos', { json: { repoKey: 'x', repoType: 'remote', upstreamUrl: `https://me:${secret}@localhost/` } }],
  ['PUT', `${apps}/bindings/me`, { json: { roles: [secret] } }],
  ['POST', `${apps}/uploads`, { json: { ...declared, expectedDigest: secret } }],
  ['POST', `${apps}/uploads`, { json: { ...declared, token: secret } }],
  ['POST', `${apps}/uploads/${crypto.randomUUID()}/complete`, { json: { parts: [{ partNumber: 1, etag: secret }] } }],
  ['PUT', `${apps}/blobs/${declared.expectedDigest}`, { body: secret }],
];

/** Requests that carry it in their path. */
export const inPath = (secret: string): Misplaced[] => [
  ['GET', `/${secret}`],
  ['GET', `/v1/${secret}`],
  ['OPTIONS', `/v1/repos/${secret}`],
  ['GET', `/v1/repos/${secret}`],
  ['GET', `/v1/repos/${secret}`, { token: null }],
  ['GET', `${apps}/blobs/${secret}`],
  ['GET', `${apps}/uploads/${secret}`],
  ['DELETE', `${apps}/bindings/${secret}`],
  ['GET', `/v1/audit/${secret}/proof`],
  ['PUT', `/v1/store/${secret}`, { body: 'bytes' }],
  ['GET', `/docs/static/${secret}`],
];

export async function send(server: TestServer, requests: readonly Misplaced[]): Promise<void> {
  for (const [method, path, options] of requests) await server.request(method, path, options);
}

/** What no client library would send. @returns the answers. */
export async function sendBroken(server: TestServer, secret: string): Promise<Pick<Reply, 'json'>[]> {
  const authorization = `Bearer ${secret}`;
  return await Promise.all(
    [
      rawRequest('GET', `/v1/%zz?token=${secret}`, { authorization }),
      rawRequest('GET', '/v1/repos', { authorization, [`x y ${secret}`]: secret }),
      rawRequest('GET', '/v1/repos', { authorization, 'x-long': secret.repeat(1000) }),
      rawRequest('GET', '/v1/repos', { authorization, 'content-length': secret }),
      rawRequest('GET', '/v1/repos', { authorization: `${authorization}\r\nAuthorization: ${authorization}` }),
      `GET /v1/repos?token=${secret} HTTP/9.9\r\nAuthorization: ${authorization}\r\n\r\n`,
      `${secret} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    ].map((text) => sendRaw(server.url, text)),
  );
}
