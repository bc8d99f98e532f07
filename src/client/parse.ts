import { ArtifortressError } from './errors.ts';

/**
 * Reads a JSON value as a `T`, or throws `invalid_response` naming the field. Unknown fields are dropped, so that a newer
 * server does not break an older client. Hand-written, because a schema library would triple the start of the command line.
 */
export type Parser<T> = (value: unknown, at: string) => T;

function mismatch(at: string, wanted: string): ArtifortressError {
  return new ArtifortressError({
    code: 'invalid_response',
    message: `The answer is not Artifortress's: ${at} should be ${wanted}. Check the address, and that client and server are of the same version.`,
  });
}

export const text: Parser<string> = (value, at) => {
  if (typeof value !== 'string') throw mismatch(at, 'text');
  return value;
};

export const integer: Parser<number> = (value, at) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw mismatch(at, 'an integer');
  return value;
};

export const flag: Parser<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw mismatch(at, 'true or false');
  return value;
};

export const anything: Parser<unknown> = (value) => value;

/** One of a closed set of words. */
export function word<const W extends string>(words: readonly W[]): Parser<W> {
  return (value, at) => {
    const found = words.find((candidate) => candidate === value);
    if (found === undefined) throw mismatch(at, `one of ${words.join(', ')}`);
    return found;
  };
}

export function list<T>(item: Parser<T>): Parser<T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw mismatch(at, 'a list');
    return value.map((entry: unknown, index) => item(entry, `${at}[${index}]`));
  };
}

/** Null where the field is null or absent. */
export function orNull<T>(parser: Parser<T>): Parser<T | null> {
  return (value, at) => (value === null || value === undefined ? null : parser(value, at));
}

/** Whether a value is a JSON object; its fields are still unknown. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export const record: Parser<Readonly<Record<string, unknown>>> = (value, at) => {
  if (!isRecord(value)) throw mismatch(at, 'an object');
  return value;
};

/** An object whose values are all alike. */
export function mapOf<T>(item: Parser<T>): Parser<Readonly<Record<string, T>>> {
  return (value, at) =>
    Object.fromEntries(Object.entries(record(value, at)).map(([key, entry]) => [key, item(entry, `${at}.${key}`)]));
}

/** An object with exactly these fields of interest. */
export function object<T extends object>(fields: { readonly [K in keyof T]-?: Parser<T[K]> }): Parser<T> {
  return (value, at) => {
    const source = record(value, at);
    const result: Partial<T> = {};
    for (const key in fields) result[key] = fields[key](source[key], at === '' ? key : `${at}.${key}`);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the loop has just read every field of T
    return result as T;
  };
}
