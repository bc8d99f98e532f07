import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../src/kernel/canonical-json.ts';

describe('the canonical text of a JSON value (RFC 8785)', () => {
  test('is that of the example of the RFC', () => {
    const value = {
      numbers: JSON.parse('[333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001]'),
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"\u002f',
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test('sorts members by UTF-16 code units, at every depth', () => {
    // RFC 8785 §3.2.3: the emoji's first code unit is below that of the Hebrew letter.
    const value = { '\ufb33': 1, '\u{1f602}': 2, '\u0080': { b: 1, a: [{ d: 0, c: 0 }] } };
    expect(canonicalJson(value)).toBe('{"\u0080":{"a":[{"c":0,"d":0}],"b":1},"\u{1f602}":2,"\ufb33":1}');
  });

  test('says the same value, and nothing of the order in which it was made', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        const reversed = JSON.parse(text, (_key, inner: unknown) =>
          typeof inner === 'object' && inner !== null && !Array.isArray(inner)
            ? Object.fromEntries(Object.entries(inner).toReversed())
            : inner,
        );
        expect(canonicalJson(reversed)).toBe(text);
      }),
    );
  });

  test('leaves out what is undefined', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
  });
});
