import type { TenantId } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import { recordAudit } from '../audit/store.ts';
import type { Queryable } from '../kernel/database.ts';
import { AppError } from '../kernel/errors.ts';
import { attribute, type Caller, type Services } from '../services.ts';
import type { NewRepository, Repository } from './model.ts';
import { findRepository, insertMembers, insertRepository, lockRepository } from './store.ts';
import { isPrivateUpstream } from './upstream.ts';

/**
 * Creates a repository. A virtual one can't contain itself, directly or not: its members must exist before it does, and members
 * never change.
 * @throws AppError `bad_request` for a member that doesn't exist, or an upstream in a private network; `conflict` for a key that is taken.
 */
export async function createRepository(
  services: Pick<Services, 'db' | 'clock' | 'settings'>,
  caller: Caller,
  request: NewRepository,
): Promise<Repository> {
  const { tenantId, subject } = caller.principal;
  const { upstreamUrl: upstream } = request;
  if (upstream !== undefined && !services.settings.allowPrivateUpstreams && isPrivateUpstream(upstream)) {
    throw new AppError(
      'bad_request',
      'upstreamUrl: names this machine or a private network, which ARTIFORTRESS_ALLOW_PRIVATE_UPSTREAMS=true allows.',
    );
  }
  const attribution = attribute(services.clock, caller);
  return await services.db.transaction(async (transaction) => {
    const memberIds = await lockMembers(transaction, tenantId, request.memberRepos ?? []);
    const repoId = await insertRepository(transaction, tenantId, request, attribution.at, subject);
    if (repoId === undefined) throw new AppError('conflict', `There is a repository "${request.repoKey}" already.`);
    if (memberIds.length > 0) await insertMembers(transaction, repoId, memberIds);
    const { repoKey, repoType, upstreamUrl, memberRepos } = request;
    await recordAudit(transaction, attribution, {
      action: 'repo.created',
      resourceId: repoKey,
      repoKey,
      details: { repoType, upstreamUrl, memberRepos },
    });
    const created = await findRepository(transaction, tenantId, repoKey);
    if (created === undefined) throw new Error('a repository vanished inside of the transaction that made it');
    return created;
  });
}

/** In order of their keys, so that two creations never wait for each other crosswise; returned in the order asked for. */
async function lockMembers(transaction: Queryable, tenantId: TenantId, members: readonly RepoKey[]): Promise<number[]> {
  const ids = new Map<RepoKey, number>();
  for (const member of [...members].sort()) {
    const locked = await lockRepository(transaction, tenantId, member, 'against deletion').catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'not_found') {
        throw new AppError('bad_request', `memberRepos: there is no repository "${member}".`);
      }
      throw error;
    });
    ids.set(member, locked.repoId);
  }
  return members.flatMap((member) => ids.get(member) ?? []);
}
