import { createHash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { z } from 'zod';
import { type Branded, brand, PRINTABLE } from '../kernel/parse.ts';
import { type RepoKey, repoKeySchema } from './repo-key.ts';

export const ROLES = ['read', 'write', 'admin', 'promote'] as const;
export type Role = (typeof ROLES)[number];

export type TenantId = Branded<string, 'TenantId'>;
export type TokenId = Branded<string, 'TokenId'>;
export type Subject = Branded<string, 'Subject'>;

/** The one tenant of an installation; every row names it all the same. */
export const DEFAULT_TENANT = brand<TenantId>('default');

/** What each role lets one do: `admin` implies all four, `write` implies `read`, `promote` only itself. */
const GRANTS: Readonly<Record<Role, readonly Role[]>> = {
  read: ['read'],
  write: ['write', 'read'],
  admin: ['admin', 'write', 'read', 'promote'],
  promote: ['promote'],
};

/** `repo:<repoKey|*>:<role>`. */
export interface Scope {
  repo: RepoKey | '*';
  role: Role;
}

export const roleSchema = z.enum(ROLES);

export const subjectSchema = z
  .string()
  .trim()
  .toLowerCase()
  .min(1)
  .max(256)
  .regex(PRINTABLE, 'must have no control characters')
  .transform((text) => brand<Subject>(text));

export const tokenIdSchema = z
  .uuid()
  .toLowerCase()
  .transform((text) => brand<TokenId>(text));

const SCOPE_FORM = 'must have the form repo:<repoKey or *>:<read|write|admin|promote>';

export const scopeSchema = z.string().transform((text, context): Scope => {
  const [kind, repo, role, ...rest] = text.trim().toLowerCase().split(':');
  const parsedRole = roleSchema.safeParse(role);
  const parsedRepo = repo === '*' ? { success: true as const, data: '*' as const } : repoKeySchema.safeParse(repo);
  if (kind !== 'repo' || rest.length > 0 || !parsedRole.success || !parsedRepo.success) {
    context.addIssue({ code: 'custom', message: SCOPE_FORM });
    return z.NEVER;
  }
  return { repo: parsedRepo.data, role: parsedRole.data };
});

export function formatScope(scope: Scope): string {
  return `repo:${scope.repo}:${scope.role}`;
}

/** Whether one of the scopes grants `role` on this repository (`*`: on every repository). */
export function allows(scopes: readonly Scope[], repo: string, role: Role): boolean {
  return scopes.some((scope) => (scope.repo === '*' || scope.repo === repo) && GRANTS[scope.role].includes(role));
}

/** Whether one of the scopes grants `role` on some repository. */
export function allowsSomewhere(scopes: readonly Scope[], role: Role): boolean {
  return scopes.some((scope) => GRANTS[scope.role].includes(role));
}

/** The repositories on which the scopes grant `role`: all of them, or those of a list of keys. */
export function reposAllowed(scopes: readonly Scope[], role: Role): '*' | RepoKey[] {
  const repos = new Set(scopes.filter((scope) => GRANTS[scope.role].includes(role)).map((scope) => scope.repo));
  return repos.has('*') ? '*' : [...repos].filter((repo): repo is RepoKey => repo !== '*');
}

/** Whether everything that `narrower` grants is granted by `wider` too. */
export function covers(wider: readonly Scope[], narrower: readonly Scope[]): boolean {
  return narrower.every(({ repo, role }) => GRANTS[role].every((granted) => allows(wider, repo, granted)));
}

/** What both sets grant: for each pair that meets in a repository, the roles that both imply. */
export function intersect(left: readonly Scope[], right: readonly Scope[]): Scope[] {
  const repos = new Set([...left, ...right].map((scope) => scope.repo));
  return [...repos].flatMap((repo) => {
    const both = ROLES.filter((role) => allows(left, repo, role) && allows(right, repo, role));
    return both.includes('admin')
      ? [{ repo, role: 'admin' as const }]
      : withoutImplied(both).map((role) => ({ repo, role }));
  });
}

function withoutImplied(roles: readonly Role[]): Role[] {
  return roles.filter((role) => !roles.some((other) => other !== role && GRANTS[other].includes(role)));
}

/** `aft_` + 43 characters of base64url (256 random bits) + 6 of checksum: secret scanners can tell a real one. */
const TOKEN_PREFIX = 'aft_';
const SECRET_BYTES = 32;
const TOKEN_FORM = /^aft_[A-Za-z0-9_-]{49}$/;

/** A new token's text. It is shown once; only {@link hashSecret} of it is kept. */
export function newTokenSecret(randomBytes: (count: number) => Buffer): string {
  const body = randomBytes(SECRET_BYTES).toString('base64url');
  return `${TOKEN_PREFIX}${body}${checksumOf(body)}`;
}

/** Whether a text can be a token of ours at all; what can't needs no look-up. */
export function isTokenSecret(text: string): boolean {
  return TOKEN_FORM.test(text) && checksumOf(text.slice(TOKEN_PREFIX.length, -6)) === text.slice(-6);
}

function checksumOf(body: string): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return checksum.toString('base64url');
}

/** SHA-256: enough for a secret of 256 random bits, which no dictionary holds. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** Compares two secrets by their hashes, in constant time whatever their lengths. */
export function secretsMatch(given: string, expectedSha256: Buffer): boolean {
  return timingSafeEqual(hashSecret(given), expectedSha256);
}

/** Who is asking, once a token has been recognised. The scopes are those in force at this very request. */
export interface Principal {
  tenantId: TenantId;
  tokenId: TokenId;
  subject: Subject;
  scopes: readonly Scope[];
  expiresAt: Date;
  /** Whether the scopes follow the subject's bindings; else they are fixed. */
  fromBindings: boolean;
  /** Whether it was issued with scopes: fixed ones, or a cap on what the bindings give. */
  scoped: boolean;
  scopesEpoch: number;
  lineage: readonly TokenId[];
}
