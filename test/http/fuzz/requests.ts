import { type Arbitrary, array, constant, constantFrom, oneof, option, record, string, tuple } from 'fast-check';
import type { Operation } from './document.ts';
import { goodValue, hostileText, type Known, spoiled } from './values.ts';

export interface FuzzRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

export interface Names {
  /** Values that are there, by the name of the field or the parameter. */
  known: Known;
  tokens: readonly string[];
}

/** Parts of a path that are encoded already, in every way in which somebody tries to leave it. */
const ENCODED = [
  '%2e%2e',
  '%2e%2e%2f%2e%2e',
  '..%2f',
  '..%5c',
  '%252e%252e',
  '%c0%ae',
  '%zz',
  '%',
  '%ff',
  '%00',
  '%ed%a0%80',
  '..;',
  '%0d%0a',
  '*',
  '~',
];

/** Requests to an operation: most of them nearly right, since garbage gets no further than the first check. */
export function requestsOf(operation: Operation, names: Names): Arbitrary<FuzzRequest> {
  return record({
    path: pathOf(operation, names),
    query: queryOf(operation, names),
    token: weighted(
      constant(names.tokens[0]),
      oneof(constantFrom(...names.tokens), hostileText(), constant(undefined)),
    ),
    body: bodyOf(operation, names),
    contentType: weighted(constant('application/json'), contentTypes()),
    headers: option(oddHeaders(), { freq: 4, nil: {} }),
  }).map(({ path, query, token, body, contentType, headers }) => ({
    method: operation.method,
    path: query === '' ? path : `${path}?${query}`,
    headers: {
      ...headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${headerText(token)}` }),
      ...(body === undefined ? {} : { 'content-type': contentType }),
    },
    body,
  }));
}

/** Three times the one, once the other. */
function weighted<Value>(usual: Arbitrary<Value>, odd: Arbitrary<Value>): Arbitrary<Value> {
  return oneof({ weight: 3, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

function encoded(value: unknown): string {
  return encodeURIComponent(String(value).toWellFormed());
}

/** Node sends no other characters in a header. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 4_000);
}

function pathOf({ path, parameters }: Operation, { known }: Names): Arbitrary<string> {
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  const values = inPath.map(({ name, schema }) =>
    weighted(goodValue(schema, known, name).map(encoded), oneof(hostileText().map(encoded), constantFrom(...ENCODED))),
  );
  return tuple(...values).map((chosen) =>
    inPath.reduce((text, { name }, index) => text.replace(`{${name}}`, () => String(chosen[index])), path),
  );
}

function queryOf({ parameters }: Operation, { known }: Names): Arbitrary<string> {
  const pairs = parameters
    .filter((parameter) => parameter.in === 'query')
    .map(({ name, schema }) => {
      const value = weighted(goodValue(schema, known, name).map(String), hostileText());
      return option(
        value.map((text) => `${name}=${encoded(text)}`),
        { freq: 1, nil: '' },
      );
    });
  const odd = oneof(
    tuple(hostileText(), hostileText()).map((pair) => pair.map(encoded).join('=')),
    string({ unit: constantFrom('&', '=', '%', '?', ';', '[', ']', 'a'), maxLength: 12 }),
  );
  return tuple(tuple(...pairs), option(odd, { freq: 3, nil: '' })).map(([own, more]) =>
    [...own.map(String), more].filter((text) => text !== '').join('&'),
  );
}

/** Texts that are no JSON, or that two readers could read in two ways. */
const BROKEN_BODIES = [
  '',
  '{',
  '[1,]',
  '{"a":1,"a":2}',
  '{"__proto__":{}}',
  'null',
  '"',
  '1',
  '[]',
  `${'['.repeat(40)}${']'.repeat(40)}`,
  '{"a":1e999}',
  '\ufeff{}',
  '{}x',
];

function bodyOf({ body, method }: Operation, { known }: Names): Arbitrary<string | undefined> {
  if (body === undefined)
    return method === 'GET' ? constant(undefined) : option(constantFrom('{}', 'x', ''), { freq: 1, nil: undefined });
  const good = goodValue(body, known);
  return oneof(
    { weight: 4, arbitrary: good.map((value) => JSON.stringify(value)) },
    { weight: 4, arbitrary: spoiled(good).map((value) => JSON.stringify(value) ?? '') },
    { weight: 1, arbitrary: constantFrom(...BROKEN_BODIES) },
    { weight: 1, arbitrary: string({ unit: 'binary' }) },
  );
}

function contentTypes(): Arbitrary<string> {
  return constantFrom(
    'application/json; charset=utf-8',
    'text/plain',
    'application/xml',
    'multipart/form-data',
    'application/json; charset=utf-16',
    ';',
    'x',
  );
}

const ODD_HEADERS = [
  'range',
  'if-none-match',
  'if-range',
  'if-match',
  'accept',
  'accept-encoding',
  'content-encoding',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-http-method-override',
  'origin',
  'cookie',
  'te',
  'x-bootstrap-token',
  'x-request-id',
  'forwarded',
];
const ODD_HEADER_VALUES = [
  'bytes=0-',
  'bytes=-1',
  'bytes=5-1',
  'bytes=0-1,2-3',
  'bytes=99999999999999999999-',
  'items=0-1',
  '*',
  '"x"',
  'W/"',
  'gzip',
  'identity;q=0',
  'evil.example',
  'null',
  'trailers',
  'DELETE',
  '127.0.0.1, ::1',
  'a=b; c',
];

function oddHeaders(): Arbitrary<Record<string, string>> {
  const one = tuple(
    constantFrom(...ODD_HEADERS),
    oneof(constantFrom(...ODD_HEADER_VALUES), hostileText().map(headerText)),
  );
  return array(one, { minLength: 1, maxLength: 3 }).map((pairs) => Object.fromEntries(pairs));
}
