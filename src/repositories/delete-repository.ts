import type { RepoKey } from '../access/repo-key.ts';
import { recordAudit } from '../audit/store.ts';
import { enqueueJob } from '../jobs/store.ts';
import { AppError } from '../kernel/errors.ts';
import { attribute, type Caller, type Services } from '../services.ts';
import { closePartUrls } from '../uploads/close-part-urls.ts';
import { ABORT_REASONS } from '../uploads/model.ts';
import { cleanupPlan } from '../uploads/session.ts';
import { abortSessionsOfRepository } from '../uploads/transition-store.ts';
import { listContainers, lockRepository, markRepositoryDeleted } from './store.ts';

/**
 * Deletes a repository: hidden at once, its live sessions aborted, every scope on its key void. Its references are dropped by a
 * job, and a new repository of the same key starts empty.
 * @throws AppError `conflict` while a virtual repository contains it.
 */
export async function deleteRepository(
  services: Pick<Services, 'db' | 'clock' | 'settings' | 'objects' | 'log'>,
  caller: Caller,
  repoKey: RepoKey,
): Promise<{ repoKey: string; status: 'deleted' }> {
  const { tenantId } = caller.principal;
  const attribution = attribute(services.clock, caller);
  const { at } = attribution;
  const ended = await services.db.transaction(async (transaction) => {
    const { repoId } = await lockRepository(transaction, tenantId, repoKey, 'for deletion');
    const containers = await listContainers(transaction, repoId);
    if (containers.length > 0) {
      throw new AppError('conflict', `"${repoKey}" is a member of ${containers.join(', ')}: delete that first.`);
    }
    await markRepositoryDeleted(transaction, repoId, at);
    const reason = ABORT_REASONS.repositoryDeleted;
    const sessions = await abortSessionsOfRepository(
      transaction,
      attribution,
      { repoId, repoKey },
      reason,
      cleanupPlan(services.settings, at),
    );
    await recordAudit(transaction, attribution, { action: 'repo.deleted', resourceId: repoKey, repoKey, details: {} });
    await enqueueJob(
      transaction,
      { tenantId, kind: 'repository.drain', runAt: at, createdAt: at },
      { repoId, repoKey },
    );
    return sessions;
  });
  await closePartUrls(services, ended);
  return { repoKey, status: 'deleted' };
}
