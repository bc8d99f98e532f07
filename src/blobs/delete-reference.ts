import type { RepoKey } from '../access/repo-key.ts';
import { AppError } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import { lockRepository } from '../repositories/store.ts';
import { attribute, type Caller, type Services } from '../services.ts';
import { condemnUnreferenced, deleteReferences, lockBlobs } from './deletion-store.ts';

/**
 * Drops a repository's reference to a blob. With the last reference gone the blob is condemned, and its object is removed by a job
 * once the delay is over.
 */
export async function deleteReference(
  services: Pick<Services, 'db' | 'clock' | 'settings'>,
  caller: Caller,
  repoKey: RepoKey,
  digest: Digest,
): Promise<{ repoKey: string; digest: string; status: 'deleted' }> {
  const { tenantId } = caller.principal;
  const attribution = attribute(services.clock, caller);
  const deleteAt = new Date(attribution.at.getTime() + services.settings.deletionDelaySeconds * 1000);
  await services.db.transaction(async (transaction) => {
    const { repoId } = await lockRepository(transaction, tenantId, repoKey, 'against deletion');
    // The blob before its reference, as a commit takes them too.
    await lockBlobs(transaction, tenantId, [digest]);
    const dropped = await deleteReferences(transaction, attribution, { repoId, repoKey }, [digest]);
    if (dropped.length === 0) throw new AppError('not_found', `"${repoKey}" holds no blob ${digest}.`);
    await condemnUnreferenced(transaction, attribution, repoKey, dropped, deleteAt);
  });
  return { repoKey, digest, status: 'deleted' };
}
