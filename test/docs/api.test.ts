import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { AUDIT_ACTIONS } from '../../src/audit/model.ts';

const DOCS = join(import.meta.dirname, '..', '..', 'docs');
const reference = await readFile(join(DOCS, 'api.md'), 'utf8');

/** The cells of the first column of a table, by the heading of that column. */
function firstColumnOf(heading: string): string {
  const [, rows = ''] = new RegExp(`^\\| ${heading} +\\|.*\\n\\|[ -|]*\\n((?:\\|.*\\n)+)`, 'm').exec(reference) ?? [];
  return rows
    .split('\n')
    .map((row) => row.split('|')[1] ?? '')
    .join('\n');
}

const sorted = (names: Iterable<string>): string[] => [...names].sort((left, right) => left.localeCompare(right));

test('the reference says of each route of the OpenAPI document, and of no other, what it needs', async () => {
  const document: { paths: Record<string, object> } = JSON.parse(await readFile(join(DOCS, 'openapi.json'), 'utf8'));
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const documented = [...firstColumnOf('route').matchAll(/`([A-Z]+ [^`]+)`/g)].map(([, route = '']) => route);
  expect(sorted(documented)).toEqual(sorted(routes));
});

test('the reference lists each action of the audit trail, and no other', () => {
  const documented = [...firstColumnOf('action').matchAll(/`([\w.]+)`/g)].map(([, action = '']) => action);
  expect(sorted(documented)).toEqual(sorted(Object.keys(AUDIT_ACTIONS)));
});
