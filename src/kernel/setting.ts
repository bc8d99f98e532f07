import { isIP } from 'node:net';
import { z } from 'zod';

/** One setting: the environment variable that carries it, what it may be, what it is for. */
export interface SettingDefinition<Schema extends z.ZodType> {
  env: string;
  schema: Schema;
  /** As a person would write it in the environment; undefined: no default. */
  fallback: string | undefined;
  secret: boolean;
  description: string;
}

export function setting<Schema extends z.ZodType>(
  env: string,
  schema: Schema,
  fallback: string | undefined,
  description: string,
  options: { secret?: boolean } = {},
): SettingDefinition<Schema> {
  return { env, schema, fallback, description, secret: options.secret ?? false };
}

export const wholeNumber = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,16}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= minimum && value <= maximum, `must be from ${minimum} to ${maximum}`);

/** In any letter case, and as a digit: deployment tools write it down in their own way. */
export const yesOrNo = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', 'false', '1', '0'], 'must be true or false'))
  .transform((value) => value === 'true' || value === '1');

export const httpUrl = z
  .string()
  .refine((value) => URL.canParse(value) && /^https?:$/.test(new URL(value).protocol), {
    error: 'must be an absolute http(s) URL',
    abort: true,
  })
  .refine((value) => new URL(value).username === '' && new URL(value).password === '', 'must hold no credentials')
  .refine((value) => new URL(value).search === '' && new URL(value).hash === '', 'must have no query and no fragment')
  .transform((value) => value.replace(/\/+$/, ''));

/** Addresses and networks (CIDR), divided by commas. */
export const addressList = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .refine((items) => items.every(isNetwork), 'must be addresses or networks such as 10.0.0.0/8, divided by commas');

function isNetwork(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

/** Origins as browsers send them (RFC 6454 §6.1), divided by commas, or `*`. */
export const originList = z
  .string()
  .transform((text) => text.split(',').map((item) => item.trim()))
  .refine(
    (items) => items.every((item) => item === '*' || (URL.canParse(item) && new URL(item).origin === item)),
    'must be origins such as https://ui.example.com, divided by commas, or *',
  );

/** A number from 0 to 1. */
export const ratio = z
  .string()
  .regex(/^(0(\.\d{1,9})?|1(\.0{1,9})?)$/, 'must be a number from 0 to 1')
  .transform(Number);

const HEADER = /^\s*([!#$%&'*+.^_`|~\w-]+)=([\t\x20-\x7e]*?)\s*$/;

/** Headers of HTTP (RFC 9110 §5.1) as `name=value`, divided by commas. */
export const headerList = z
  .string()
  .refine(
    (text) => text.split(',').every((item) => HEADER.test(item)),
    'must be headers as name=value, divided by commas',
  );

/** The headers of a {@link headerList}. */
export function readHeaderList(text: string): Record<string, string> {
  const pairs = text.split(',').map((item) => HEADER.exec(item) ?? []);
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]));
}
