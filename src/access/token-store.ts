import { type RawBuilder, sql } from 'kysely';
import type { Queryable } from '../kernel/database.ts';
import type { Subject, TenantId, TokenId } from './model.ts';

export interface PresentedToken {
  tokenId: TokenId;
  tenantId: TenantId;
  subject: Subject;
  expiresAt: Date;
  revoked: boolean;
  fromBindings: boolean;
  scopesEpoch: number;
  lineage: TokenId[];
  /** As issued, less those on a repository key that was deleted since. */
  scopes: string[];
  /** Whether it was issued with scopes: for a token from bindings these are a cap, even once all of them are void. */
  scoped: boolean;
  /** What the subject's bindings give at this moment; null for a token with explicit scopes. */
  bindingScopes: string[] | null;
}

/** The token of a secret with the scopes in force now: one look-up, so that a revocation or a removed binding bites at once. */
export async function findPresentedToken(db: Queryable, secretSha256: Buffer): Promise<PresentedToken | undefined> {
  const rows = await db.query(sql<PresentedToken>`
    select t.token_id as "tokenId", t.tenant_id as "tenantId", t.subject, t.expires_at as "expiresAt",
      t.from_bindings as "fromBindings", t.scopes_epoch as "scopesEpoch", t.lineage,
      t.revoked_at is not null or exists (
        select from tokens ancestor where ancestor.token_id = any(t.lineage) and ancestor.revoked_at is not null
      ) as revoked,
      array(
        select scope from unnest(t.scopes) scope
        where not exists (
          select from repositories r
          where r.tenant_id = t.tenant_id and r.repo_key = split_part(scope, ':', 2) and r.deleted_epoch > t.scopes_epoch
        )
      ) as scopes,
      cardinality(t.scopes) > 0 as scoped,
      case when t.from_bindings then array(${BINDING_SCOPES(sql`t.tenant_id`, sql`t.subject`)}) end as "bindingScopes"
    from tokens t
    where t.secret_sha256 = ${secretSha256}`);
  return rows[0];
}

const BINDING_SCOPES = (tenantId: RawBuilder<unknown>, subject: RawBuilder<unknown>) => sql`
  select 'repo:' || r.repo_key || ':' || role as scope
  from role_bindings b
  join repositories r on r.repo_id = b.repo_id and r.deleted_at is null
  cross join unnest(b.roles) role
  where b.tenant_id = ${tenantId} and b.subject = ${subject}
  order by r.repo_key, role`;

/** The scopes that the subject's bindings give now. */
export async function listBindingScopes(db: Queryable, tenantId: TenantId, subject: Subject): Promise<string[]> {
  const rows = await db.query(sql<{ scope: string }>`${BINDING_SCOPES(sql`${tenantId}`, sql`${subject}`)}`);
  return rows.map((row) => row.scope);
}

export interface NewToken {
  tokenId: string;
  tenantId: TenantId;
  subject: Subject;
  secretSha256: Buffer;
  scopes: string[];
  fromBindings: boolean;
  /** The epoch of the token that this one was narrowed from; undefined: now. */
  scopesEpoch: number | undefined;
  lineage: readonly TokenId[];
  issuedAt: Date;
  issuedBy: string;
  expiresAt: Date;
}

export async function insertToken(transaction: Queryable, token: NewToken): Promise<void> {
  await transaction.query(sql`
    insert into tokens (token_id, tenant_id, subject, secret_sha256, scopes, from_bindings, scopes_epoch, lineage, issued_at,
      issued_by, expires_at)
    values (${token.tokenId}, ${token.tenantId}, ${token.subject}, ${token.secretSha256}, ${token.scopes}::text[],
      ${token.fromBindings}, coalesce(${token.scopesEpoch ?? null}::bigint, nextval('access_epochs')),
      ${token.lineage}::uuid[], ${token.issuedAt}, ${token.issuedBy}, ${token.expiresAt})`);
}

export interface TokenRow {
  tokenId: TokenId;
  subject: Subject;
  scopes: string[];
  fromBindings: boolean;
  issuedAt: Date;
  issuedBy: string;
  expiresAt: Date;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
}

const TOKEN_ROW = sql`token_id as "tokenId", subject, scopes, from_bindings as "fromBindings", issued_at as "issuedAt",
  issued_by as "issuedBy", expires_at as "expiresAt", revoked_at as "revokedAt", last_used_at as "lastUsedAt"`;

/** Newest first. */
export async function listTokenRows(
  db: Queryable,
  tenantId: TenantId,
  before: string | undefined,
  limit: number,
): Promise<TokenRow[]> {
  return await db.query(sql<TokenRow>`
    select ${TOKEN_ROW} from tokens
    where tenant_id = ${tenantId} and (${before ?? null}::uuid is null or token_id < ${before ?? null}::uuid)
    order by token_id desc
    limit ${limit}`);
}

export async function lockToken(
  transaction: Queryable,
  tenantId: TenantId,
  tokenId: TokenId,
): Promise<TokenRow | undefined> {
  const rows = await transaction.query(sql<TokenRow>`
    select ${TOKEN_ROW} from tokens where tenant_id = ${tenantId} and token_id = ${tokenId} for update`);
  return rows[0];
}

export async function markTokenRevoked(transaction: Queryable, tokenId: TokenId, at: Date): Promise<void> {
  await transaction.query(sql`update tokens set revoked_at = ${at} where token_id = ${tokenId}`);
}

/** Records when tokens were last used, many in one statement. */
export async function saveLastUses(db: Queryable, uses: ReadonlyMap<TokenId, Date>): Promise<void> {
  await db.query(sql`
    update tokens set last_used_at = used.at
    from unnest(${[...uses.keys()]}::uuid[], ${[...uses.values()]}::timestamptz[]) as used (token_id, at)
    where tokens.token_id = used.token_id and (tokens.last_used_at is null or tokens.last_used_at < used.at)`);
}
