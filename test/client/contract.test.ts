import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Parser } from '../../src/client/parse.ts';
import * as responses from '../../src/client/responses.ts';
import { exampleOf, type Schema, withoutOptional } from './example-of.ts';

const document: { paths: Record<string, Record<string, { responses: Record<string, Answer> }>> } = JSON.parse(
  await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8'),
);
interface Answer {
  content?: Record<string, { schema: Schema }>;
}

function schemaOf(method: string, path: string, status: string): Schema {
  const schema = document.paths[path]?.[method]?.responses[status]?.content?.['application/json']?.schema;
  if (schema === undefined) throw new Error(`${method} ${path} answers no JSON with ${status}`);
  return schema;
}

const page = responses.parsePage;

/** Every answer that the library reads. */
const READ: readonly [string, string, string, Parser<unknown>][] = [
  ['post', '/v1/auth/pats', '200', responses.parseIssuedToken],
  ['post', '/v1/auth/oidc/exchange', '200', responses.parseIssuedToken],
  ['get', '/v1/auth/pats', '200', page(responses.parseTokenRecord)],
  ['post', '/v1/auth/pats/revoke', '200', responses.parseRevokedToken],
  ['get', '/v1/auth/whoami', '200', responses.parseIdentity],
  ['get', '/v1/repos', '200', page(responses.parseRepository)],
  ['post', '/v1/repos', '201', responses.parseRepository],
  ['get', '/v1/repos/{repoKey}', '200', responses.parseRepository],
  ['delete', '/v1/repos/{repoKey}', '200', responses.parseDeletedRepository],
  ['get', '/v1/repos/{repoKey}/bindings', '200', page(responses.parseBinding)],
  ['put', '/v1/repos/{repoKey}/bindings/{subject}', '200', responses.parseBinding],
  ['get', '/v1/audit', '200', page(responses.parseAuditRow)],
  ['get', '/v1/audit/follow', '200', responses.parseAuditFollowPage],
  ['get', '/v1/audit/checkpoints', '200', page(responses.parseAuditCheckpoint)],
  ['get', '/v1/audit/{auditId}/proof', '200', responses.parseAuditProof],
  ['get', '/v1/keys', '200', page(responses.parsePublicKey)],
  ['post', '/v1/repos/{repoKey}/uploads', '201', responses.parseCreatedUpload],
  ['get', '/v1/repos/{repoKey}/uploads', '200', page(responses.parseUploadSummary)],
  ['get', '/v1/repos/{repoKey}/uploads/{uploadId}', '200', responses.parseUploadDetails],
  ['post', '/v1/repos/{repoKey}/uploads/{uploadId}/complete', '200', responses.parseCompletedUpload],
  ['post', '/v1/repos/{repoKey}/uploads/{uploadId}/commit', '200', responses.parseCommitted],
  ['post', '/v1/repos/{repoKey}/uploads/{uploadId}/abort', '200', responses.parseAbortedUpload],
  ['get', '/v1/repos/{repoKey}/blobs', '200', page(responses.parseBlobRecord)],
  ['put', '/v1/repos/{repoKey}/blobs/{digest}', '201', responses.parsePutBlob],
  ['get', '/v1/repos/{repoKey}/blobs/{digest}/receipt', '200', responses.parseEnvelope],
  ['get', '/', '200', responses.parseServiceInfo],
  ['get', '/health/ready', '200', responses.parseReadiness],
];

test.each(READ)('what the document says of %s %s %s is what the library reads', (method, path, status, parse) => {
  const schema = schemaOf(method, path, status);
  // Nothing that may be missing or null is needed, …
  expect(() => parse(withoutOptional(schema), '')).not.toThrow();
  // … and no field is read that is never sent: one renamed on either side shows here.
  const known = new Set(fieldsOf(parse(exampleOf(schema), '')));
  const documented = new Set(fieldsOf(exampleOf(schema)));
  const invented = [...known].filter((field) => !documented.has(field));
  expect(invented, 'fields that the server never sends').toEqual([]);
});

/** The paths of all fields, such as `items[].repoKey`. */
function fieldsOf(value: unknown, at = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => fieldsOf(item, `${at}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [`${at}.${key}`, ...fieldsOf(inner, `${at}.${key}`)]);
}
