import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf, StartupError } from '../kernel/errors.ts';
import { fitsPattern } from './claim-pattern.ts';
import { formatScope, scopeSchema } from './model.ts';

/** Signatures by a public key only: what can be verified with a secret could be forged with what is public (RFC 8725 §3.1). */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'] as const;

const LOOPBACK = /^http:\/\/(127(\.\d{1,3}){3}|localhost|\[::1\])(:\d+)?(\/|$)/;

const secureUrl = z
  .string()
  .refine((text) => URL.canParse(text), { error: 'must be an absolute URL', abort: true })
  .refine((text) => text.startsWith('https://') || LOOPBACK.test(text), 'must be https (http only on this machine)');

const pattern = z.string().min(1).max(512);

const ruleSchema = z.strictObject({
  /** Each claim that is named must have the value, or one of the values. `*` stands for any characters but "/", `**` for any. */
  claims: z
    .record(z.string(), z.union([pattern, z.array(pattern).min(1)]))
    .refine((claims) => Object.keys(claims).length > 0, 'must name at least one claim, or everybody gets these scopes'),
  scopes: z.array(scopeSchema).min(1),
});

const providerSchema = z.strictObject({
  issuer: secureUrl,
  audience: z.string().min(1),
  /** Where the issuer's keys are; else as its discovery document says. */
  jwksUri: secureUrl.optional(),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1).default(['RS256']),
  clockSkewSeconds: z.int().min(0).max(300).default(30),
  /** How long after it was issued a JWT is still taken. */
  maxAgeSeconds: z.int().min(1).max(86_400).default(3600),
  /** Life of the token that is given in exchange. */
  ttlMinutes: z.int().min(5).max(1440).default(15),
  /** The subject of that token: claims in braces. */
  subject: z.string().min(1).default('oidc:{sub}'),
  /** How long the issuer's keys are kept, and how soon at the most they are asked for again because of a key that is not among them. */
  jwksMaxAgeSeconds: z.int().min(1).max(86_400).default(600),
  jwksCooldownSeconds: z.int().min(0).max(3600).default(30),
  rules: z.array(ruleSchema).min(1),
});

const fileSchema = z
  .strictObject({ issuers: z.array(providerSchema).min(1) })
  .refine(
    ({ issuers }) => new Set(issuers.map(({ issuer }) => issuer)).size === issuers.length,
    'names an issuer twice',
  );

/** An issuer of JWTs whose word is taken, and what it is worth. */
export type IdentityProvider = z.output<typeof providerSchema>;

/** @throws StartupError naming what is wrong in the file. */
export function loadIdentityProviders(path: string | undefined): IdentityProvider[] {
  if (path === undefined) return [];
  try {
    const parsed = fileSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    if (parsed.success) return parsed.data.issuers;
    throw new Error(z.prettifyError(parsed.error));
  } catch (error) {
    throw new StartupError(`The file "${path}" (ARTIFORTRESS_OIDC_FILE) is wrong:\n${messageOf(error)}`);
  }
}

/** A JWT's claims, once its signature, issuer, audience and times are proved. */
export type Claims = Readonly<Record<string, unknown>>;

/** The scopes of every rule that the claims fulfil. */
export function scopesOf({ rules }: IdentityProvider, claims: Claims): string[] {
  const granted = rules
    .filter((rule) => Object.entries(rule.claims).every(([name, wanted]) => fulfils(claims, name, wanted)))
    .flatMap((rule) => rule.scopes.map(formatScope));
  return [...new Set(granted)];
}

function fulfils(claims: Claims, name: string, wanted: string | string[]): boolean {
  const values = valuesOf(claims, name);
  return [wanted].flat().some((one) => values.some((value) => fitsPattern(one, value)));
}

/** A claim as texts: a list counts by each of its items. */
function valuesOf(claims: Claims, name: string): string[] {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return [value]
    .flat()
    .filter((one) => typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean')
    .map(String);
}

/** The subject of the provider's template; undefined where a claim that it names is missing. */
export function subjectOf({ subject }: IdentityProvider, claims: Claims): string | undefined {
  let missing = false;
  const text = subject.replace(/\{([^{}]+)\}/g, (_match, name: string) => {
    const [value] = valuesOf(claims, name);
    missing ||= value === undefined;
    return value ?? '';
  });
  return missing ? undefined : text;
}
