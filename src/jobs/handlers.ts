import type { TenantId } from '../access/model.ts';
import { type Attribution, SYSTEM_ACTOR } from '../audit/model.ts';
import {
  condemnUnreferenced,
  deleteBlobRow,
  deleteReferences,
  lockBlobs,
  markDeleting,
  someReferences,
} from '../blobs/deletion-store.ts';
import type { Services } from '../services.ts';
import type { JobKind, JobPayload } from './model.ts';

export type JobServices = Pick<Services, 'db' | 'objects' | 'clock' | 'settings'>;

/** Over, or to be gone on with at a later time, with this payload. */
export type JobOutcome = { kind: 'done' } | { kind: 'again'; runAt: Date; payload: unknown };

type JobHandler<Kind extends JobKind> = (
  services: JobServices,
  tenantId: TenantId,
  payload: JobPayload<Kind>,
) => Promise<JobOutcome>;

/** References dropped in one transaction. */
const DRAIN_BATCH = 500;

const DONE: JobOutcome = { kind: 'done' };

/** What each kind of job does. All of them may run again after a crash at any point. */
export const JOB_HANDLERS: { [Kind in JobKind]: JobHandler<Kind> } = {
  'object.purge': async (services, _tenantId, { objectKey, againAt }) => {
    await services.objects.purge(objectKey);
    return againAt === undefined ? DONE : { kind: 'again', runAt: new Date(againAt), payload: { objectKey } };
  },

  'blob.delete': async (services, tenantId, { digest, objectKey, condemnedAt }) => {
    const blob = { tenantId, digest };
    const condemned = { objectKey, at: new Date(condemnedAt) };
    const mayGo = await services.db.transaction((transaction) => markDeleting(transaction, blob, condemned));
    if (!mayGo) return DONE;
    // From here on the blob is `deleting`, for all to see: nothing new refers to this object, so its bytes can go.
    if (objectKey !== null) await services.objects.purge(objectKey);
    await deleteBlobRow(services.db, blob, objectKey, services.clock.now());
    return DONE;
  },

  'repository.drain': async (services, tenantId, { repoId, repoKey }) => {
    for (;;) {
      const digests = await someReferences(services.db, repoId, DRAIN_BATCH);
      if (digests.length === 0) return DONE;
      const at = services.clock.now();
      const by: Attribution = { tenantId, actor: SYSTEM_ACTOR, requestId: null, at };
      const deleteAt = new Date(at.getTime() + services.settings.deletionDelaySeconds * 1000);
      await services.db.transaction(async (transaction) => {
        await lockBlobs(transaction, tenantId, digests);
        const dropped = await deleteReferences(transaction, by, { repoId, repoKey }, digests);
        await condemnUnreferenced(transaction, by, repoKey, dropped, deleteAt);
      });
    }
  },
};
