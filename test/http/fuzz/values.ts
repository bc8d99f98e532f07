import {
  type Arbitrary,
  array,
  boolean,
  constant,
  constantFrom,
  dictionary,
  double,
  integer,
  json,
  oneof,
  option,
  record,
  string,
} from 'fast-check';
import type { Schema } from './document.ts';

/** Texts that have broken servers before. */
const HOSTILE_TEXTS = [
  '',
  ' ',
  '.',
  '..',
  '../../../../etc/passwd',
  '..\\..\\windows\\win.ini',
  '/etc/passwd',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udc00\ud800',
  '\u0085',
  '\u2028',
  '\u202e',
  '\ufeff',
  '\uffff',
  'İ',
  'ſ',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'NaN',
  "' or 1=1--",
  "'; drop table tokens; --",
  '%00',
  '%2e%2e%2f',
  '%s%n%x',
  '\u0024{7*7}',
  '{{7*7}}',
  '<script>alert(1)</script>',
  '\r\nSet-Cookie: a=b',
  `aft_${'A'.repeat(49)}`,
  'repo:*:admin',
  'sha256:',
  `sha256:sha256:${'a'.repeat(64)}`,
  'a'.repeat(63),
  'g'.repeat(64),
  'A'.repeat(65),
  'x'.repeat(5_000),
  'é'.repeat(300),
  '👩‍🚀'.repeat(100),
  '00000000-0000-0000-0000-000000000000',
  '9'.repeat(40),
  '-1',
  '1e9',
  '0x10',
];

export const hostileText = (): Arbitrary<string> =>
  oneof(constantFrom(...HOSTILE_TEXTS), string({ unit: 'binary' }), string({ unit: 'grapheme', maxLength: 300 }));

const hostileNumber = (): Arbitrary<number> =>
  oneof(
    constantFrom(0, -0, -1, 0.1, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, 1e21, 1e308, -1e308),
    double({ noNaN: true }),
    integer(),
  );

/** Anything that JSON can say. */
const hostileValue = (): Arbitrary<unknown> =>
  oneof(
    hostileText(),
    hostileNumber(),
    boolean(),
    constant(null),
    array(hostileText(), { maxLength: 5 }),
    dictionary(hostileText(), hostileNumber(), { maxKeys: 4 }),
    json().map((text): unknown => JSON.parse(text)),
  );

/** What a field of this name may hold, where the document can't say it; else by its schema. */
export type Known = Readonly<Record<string, Arbitrary<unknown>>>;

/** Values that the schema allows. */
export function goodValue(schema: Schema, known: Known, name = ''): Arbitrary<unknown> {
  const given = known[name];
  if (given !== undefined) return given;
  if (schema.const !== undefined) return constant(schema.const);
  if (schema.enum !== undefined) return constantFrom(...schema.enum);
  if (schema.anyOf !== undefined) return oneof(...schema.anyOf.map((one) => goodValue(one, known, name)));
  switch (schema.type ?? 'string') {
    case 'object':
      return objectOf(schema, known);
    case 'array':
      return array(goodValue(schema.items ?? {}, known, `${name}[]`), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, Math.max(schema.minItems ?? 0, 4)),
      });
    case 'integer':
    case 'number':
      return integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 10_000, Number.MAX_SAFE_INTEGER) });
    case 'boolean':
      return boolean();
    case 'null':
      return constant(null);
    default:
      return string({
        unit: constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789'.split('')),
        minLength: schema.minLength ?? 1,
        maxLength: Math.min(schema.maxLength ?? 40, 40),
      });
  }
}

function objectOf({ properties = {}, required = [] }: Schema, known: Known): Arbitrary<Record<string, unknown>> {
  const possible = Object.entries(properties).filter(([, schema]) => schema.not === undefined);
  const fields = Object.fromEntries(possible.map(([key, schema]) => [key, goodValue(schema, known, key)]));
  return record(fields, { requiredKeys: required.filter((key) => key in fields) });
}

/** A good value with something wrong somewhere in it: a field of another kind, missing, or one more. */
export function spoiled(good: Arbitrary<unknown>): Arbitrary<unknown> {
  return oneof(
    hostileValue(),
    good.chain((value) => {
      if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return hostileValue();
      return record({
        key: constantFrom(...Object.keys(value)),
        other: option(hostileValue(), { nil: undefined }),
      }).map(({ key, other }) => (Array.isArray(value) ? [...value, other] : { ...value, [key]: other }));
    }),
    record({ value: good, key: hostileText(), more: hostileValue() }).map(({ value, key, more }) =>
      typeof value === 'object' && value !== null ? { ...value, [key]: more } : more,
    ),
  );
}
