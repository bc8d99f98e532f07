import { type RawBuilder, sql } from 'kysely';
import type { TenantId } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError } from '../kernel/errors.ts';
import type { NewRepository, Repository, RepoType } from './model.ts';

const REPOSITORY = sql`
  r.repo_id as "repoId", r.repo_key as "repoKey", r.repo_type as "repoType", r.upstream_url as "upstreamUrl",
  r.created_at as "createdAt", r.created_by as "createdBy",
  array(
    select member.repo_key from repository_members m
    join repositories member on member.repo_id = m.member_repo_id
    where m.virtual_repo_id = r.repo_id order by m.position
  ) as "memberRepos",
  usage.blob_count as "blobCount", usage.total_bytes as "totalBytes"`;

/** The running totals of `r`: a few rows each, whatever it holds. */
const USAGE = sql`
  cross join lateral (
    select coalesce(sum(u.blob_count), 0)::bigint as blob_count, coalesce(sum(u.total_bytes), 0)::bigint as total_bytes
    from repository_usage u where u.repo_id = r.repo_id
  ) usage`;

/** The repositories that are not deleted, by key, after `after`; only those of `readable`, unless that is all of them. */
export async function listRepositories(
  db: Queryable,
  tenantId: TenantId,
  readable: '*' | readonly RepoKey[],
  before: number | undefined,
  limit: number,
): Promise<Repository[]> {
  return await db.query(sql<Repository>`
    select ${REPOSITORY} from repositories r ${USAGE}
    where r.tenant_id = ${tenantId} and r.deleted_at is null
      and (${readable === '*'} or r.repo_key = any(${readable === '*' ? [] : readable}::text[]))
      and (${before ?? null}::bigint is null or r.repo_id < ${before ?? null}::bigint)
    order by r.repo_id desc
    limit ${limit}`);
}

export async function findRepository(
  db: Queryable,
  tenantId: TenantId,
  repoKey: RepoKey,
): Promise<Repository | undefined> {
  const rows = await db.query(sql<Repository>`
    select ${REPOSITORY} from repositories r ${USAGE}
    where r.tenant_id = ${tenantId} and r.repo_key = ${repoKey} and r.deleted_at is null`);
  return rows[0];
}

export interface LockedRepository {
  repoId: number;
  repoType: RepoType;
}

const LOCK_STRENGTHS = {
  /** Against deletion: for changes inside of the repository. Many may hold it at once. */
  'against deletion': sql`for key share`,
  /** For the deletion itself. Always taken before the locks of sessions and blobs, so that no two transactions wait for each other. */
  'for deletion': sql`for update`,
} satisfies Record<string, RawBuilder<unknown>>;

/** Locks a repository until the transaction ends. @throws AppError `not_found`. */
export async function lockRepository(
  transaction: Queryable,
  tenantId: TenantId,
  repoKey: RepoKey,
  strength: keyof typeof LOCK_STRENGTHS,
): Promise<LockedRepository> {
  const rows = await transaction.query(sql<LockedRepository>`
    select repo_id as "repoId", repo_type as "repoType" from repositories
    where tenant_id = ${tenantId} and repo_key = ${repoKey} and deleted_at is null
    ${LOCK_STRENGTHS[strength]}`);
  return rows[0] ?? unknownRepository(repoKey);
}

export function unknownRepository(repoKey: RepoKey): never {
  throw new AppError('not_found', `There is no repository "${repoKey}".`);
}

export async function insertRepository(
  transaction: Queryable,
  tenantId: TenantId,
  repository: NewRepository,
  createdAt: Date,
  createdBy: string,
): Promise<number | undefined> {
  const rows = await transaction.query(sql<{ repoId: number }>`
    insert into repositories (tenant_id, repo_key, repo_type, upstream_url, created_at, created_by)
    values (${tenantId}, ${repository.repoKey}, ${repository.repoType}, ${repository.upstreamUrl ?? null}, ${createdAt}, ${createdBy})
    on conflict (tenant_id, repo_key) where deleted_at is null do nothing
    returning repo_id as "repoId"`);
  return rows[0]?.repoId;
}

export async function insertMembers(
  transaction: Queryable,
  virtualRepoId: number,
  memberRepoIds: readonly number[],
): Promise<void> {
  await transaction.query(sql`
    insert into repository_members (virtual_repo_id, position, member_repo_id)
    select ${virtualRepoId}, position, repo_id
    from unnest(${memberRepoIds}::bigint[]) with ordinality as member (repo_id, position)`);
}

/** The virtual repositories that contain this one. */
export async function listContainers(transaction: Queryable, repoId: number): Promise<RepoKey[]> {
  const rows = await transaction.query(sql<{ repoKey: RepoKey }>`
    select r.repo_key as "repoKey" from repository_members m
    join repositories r on r.repo_id = m.virtual_repo_id and r.deleted_at is null
    where m.member_repo_id = ${repoId} order by r.repo_key`);
  return rows.map((row) => row.repoKey);
}

/** Hides the repository, drops its bindings, and voids every scope that was issued on its key so far. */
export async function markRepositoryDeleted(transaction: Queryable, repoId: number, at: Date): Promise<void> {
  await transaction.query(sql`
    update repositories set deleted_at = ${at}, deleted_epoch = nextval('access_epochs') where repo_id = ${repoId}`);
  await transaction.query(sql`delete from role_bindings where repo_id = ${repoId}`);
}
