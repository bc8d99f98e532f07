import type { z } from 'zod';

/** A type that only its own parser can make. */
export type Branded<Base, Name extends string> = Base & { readonly __brand: Name };

/** Makes a text that has just been checked one of a branded type. Only the type's own parser calls it. */
export function brand<Type extends string>(checked: string): Type {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one place where a brand is made
  return checked as Type;
}

/** Rejects what PostgreSQL can't store and what would spoil a terminal or a log line: control characters, lone surrogates. */
export const PRINTABLE = /^[^\p{Cc}\p{Cs}]*$/u;

/** RFC 3339 in UTC, with milliseconds. */
export function toTimestamp(date: Date): string {
  return date.toISOString();
}

/** A field that may be left out, or be null: many a client writes down as null what it has not. */
export function optional<Value extends z.ZodType>(schema: Value) {
  return schema.nullish().transform((value) => value ?? undefined);
}
