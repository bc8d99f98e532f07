import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const ROOT = path.join(import.meta.dirname, '../..');

/** The rows of the table of attackers. */
const rows = readFileSync(path.join(ROOT, 'SECURITY.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (attacker|-)/.test(line))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, attacker = '', wants = '', stops = '', shown = '']) => ({ attacker, wants, stops, shown }));

test('the threat model names attackers', () => {
  expect(rows.length).toBeGreaterThan(10);
});

test.each(rows)('$attacker ($wants) is stopped by something that a test shows', ({ stops, shown }) => {
  const files = [...shown.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
  expect(stops).not.toBe('');
  expect(files).not.toEqual([]);
  expect(files.filter((file) => !existsSync(path.join(ROOT, file)))).toEqual([]);
});
