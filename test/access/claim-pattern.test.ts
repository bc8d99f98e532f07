import { assert, constantFrom, property, string } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fitsPattern } from '../../src/access/claim-pattern.ts';

describe('a pattern fits', () => {
  test.each([
    ['org/app', 'org/app'],
    ['org/*', 'org/app'],
    ['org/*', 'org/'],
    ['refs/tags/v*', 'refs/tags/v1.2'],
    ['refs/**', 'refs/heads/a/b'],
    ['**', ''],
    ['*-*', 'a-b-c'],
    ['a.b', 'a.b'],
    ['💾*', '💾 disk'],
  ])('%s: %s', (pattern, text) => {
    expect(fitsPattern(pattern, text)).toBe(true);
  });
});

describe('a pattern does not fit', () => {
  test.each([
    ['org/app', 'org/app2'],
    ['org/app', 'Org/app'],
    ['org/*', 'org/a/b'],
    ['org/*', 'org/a\n'],
    ['org/**', 'org/a\u0000b'],
    ['a.b', 'axb'],
    ['refs/heads/main', 'refs/heads/mai'],
    ['**', 'x'.repeat(1025)],
  ])('%s: %j', (pattern, text) => {
    expect(fitsPattern(pattern, text)).toBe(false);
  });
});

/** What the pattern means, by the engine that takes for ever on some of them. */
function asExpression(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*?)/)
    .map((piece) => (piece === '**' ? '\\P{Cc}*' : piece === '*' ? '[^/\\p{Cc}]*' : piece))
    .join('');
  return new RegExp(`^(?:${source})$`, 'u');
}

test('a pattern means what the same regular expression does', () => {
  const letters = string({ unit: constantFrom('a', 'b', '/', '\n'), maxLength: 8 });
  const patterns = string({ unit: constantFrom('a', 'b', '/', '*'), maxLength: 8 });
  assert(
    property(patterns, letters, (pattern, text) => {
      expect(fitsPattern(pattern, text)).toBe(asExpression(pattern).test(text));
    }),
    { numRuns: 2000 },
  );
});

test('a claim that was chosen to be slow is judged all the same', () => {
  expect(fitsPattern(`${'*a'.repeat(200)}b`, 'a'.repeat(1024))).toBe(false);
});
