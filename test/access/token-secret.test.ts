import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { isTokenSecret, newTokenSecret } from '../../src/access/model.ts';

test('a new secret is one that can be ours', () => {
  expect(Array.from({ length: 100 }, () => isTokenSecret(newTokenSecret(randomBytes)))).toEqual(Array(100).fill(true));
});

test('a secret with any one letter mistyped cannot be ours, and needs no look-up', () => {
  const secret = newTokenSecret(randomBytes);
  const mistyped = Array.from(secret, (letter, index) => {
    const other = letter === 'A' ? 'B' : 'A';
    return secret.slice(0, index) + other + secret.slice(index + 1);
  });
  expect(mistyped.filter(isTokenSecret)).toEqual([]);
});

test.each(['', 'aft_', 'AFT_', `aft_${'A'.repeat(48)}`, `aft_${'A'.repeat(50)}`, ` aft_${'A'.repeat(49)}`])(
  '%j cannot be ours',
  (text) => {
    expect(isTokenSecret(text)).toBe(false);
  },
);
