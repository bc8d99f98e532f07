import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ERROR_REGISTRY } from '../../src/kernel/errors.ts';

/** The contract's table of codes ("Conventions"). */
const CONTRACT: Record<string, number> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  upload_verification_failed: 409,
  length_required: 411,
  payload_too_large: 413,
  unsupported_media_type: 415,
  invalid_range: 416,
  rate_limited: 429,
  storage_access_denied: 503,
  service_unavailable: 503,
  insufficient_storage: 507,
  internal_error: 500,
};

const registered = Object.entries(ERROR_REGISTRY).map(([code, { status }]) => ({ code, status }));

test('the registry is the table of the contract', () => {
  expect(Object.fromEntries(registered.map(({ code, status }) => [code, status]))).toEqual(CONTRACT);
});

test('every code has one sentence', () => {
  const sentences = Object.values(ERROR_REGISTRY).map(({ sentence }) => sentence);
  expect(sentences.filter((sentence) => !/^[A-Z].*[.]$/.test(sentence))).toEqual([]);
});

describe('docs/api.md', () => {
  let rows: { code: string; status: number; when: string }[];

  beforeAll(async () => {
    const text = await readFile(join(import.meta.dirname, '../../docs/api.md'), 'utf8');
    rows = [...errorTable(text)];
  });

  test.each(registered)('documents $code with its status $status', ({ code, status }) => {
    expect(rows.filter((row) => row.code === code)).toEqual([{ code, status, when: expect.stringMatching(/\S/) }]);
  });

  test('documents no code that there is not', () => {
    expect(rows.map((row) => row.code).filter((code) => !(code in ERROR_REGISTRY))).toEqual([]);
  });
});

/** The rows of the table under `| code | status | when |`; one row may name several codes of one status. */
function* errorTable(markdown: string) {
  const lines = markdown.split('\n');
  const head = lines.findIndex((line) => /^\|\s*code\s*\|\s*status\s*\|\s*when\s*\|/.test(line));
  for (const line of lines.slice(head + 2)) {
    if (!line.startsWith('|')) return;
    const [, codes = '', status = '', when = ''] = line.split('|').map((cell) => cell.trim());
    for (const [, code = ''] of codes.matchAll(/`([^`]+)`/g)) yield { code, status: Number(status), when };
  }
}
