import type { Attribution } from '../audit/model.ts';
import { AppError, assert, messageOf } from '../kernel/errors.ts';
import type { Digest } from '../objects/digest.ts';
import type { Services } from '../services.ts';
import type { HashPool } from './hash-pool.ts';
import { readLease, releaseLease, renewLease, takeLease } from './lease-store.ts';
import type { UploadId, UploadSession } from './model.ts';

export interface VerificationProgress {
  verifiedBytes: number;
  totalBytes: number;
}

/** Reads stored objects back to prove their digests: off every transaction, under a lease that another replica respects. */
export interface Verifications {
  /**
   * Starts reading the object of a session in `pending_commit`, or joins whoever is at it, and waits a few seconds for the end.
   * @throws AppError `service_unavailable` where too many wait already; nothing was begun then.
   * @returns undefined once it is over and the session says how it ended; else how far it has come.
   */
  advance(attribution: Attribution, session: UploadSession): Promise<VerificationProgress | undefined>;
  /** How long ago the oldest was begun of those that this process is at, in milliseconds; 0 where it is at none. */
  oldestAgeMs(): number;
  /** How many were not begun because too many were waiting, since the start of the process. */
  readonly refused: number;
  close(): Promise<void>;
}

/** Settles the session, now that the digest is known. */
export type Conclude = (attribution: Attribution, session: UploadSession, digest: Digest) => Promise<unknown>;

/** How long a commit waits before it answers 202. */
const PATIENCE_MS = 4_000;
/** How often it is looked for the end of another replica's reading. */
const WATCH_EVERY_MS = 100;
const LEASE_MS = 60_000;
const RENEWAL_MS = 15_000;
/** Where too many wait: reading takes its time. */
const FULL_RETRY_AFTER_SECONDS = 10;

type RunOutcome = { kind: 'over' } | { kind: 'held_elsewhere' } | { kind: 'failed'; error: unknown };

interface Run {
  outcome: Promise<RunOutcome>;
  verifiedBytes: number;
  startedAtMs: number;
}

export function createVerifications(
  services: Pick<Services, 'db' | 'clock' | 'ids' | 'log' | 'tracer'>,
  pool: Pick<HashPool, 'hash' | 'isFull' | 'close'>,
  conclude: Conclude,
): Verifications {
  const owner = services.ids.uuid();
  /** In the order in which they were begun. */
  const runs = new Map<UploadId, Run>();
  let refused = 0;

  const start = (attribution: Attribution, session: UploadSession): Run => {
    if (pool.isFull) {
      refused += 1;
      throw new AppError(
        'service_unavailable',
        'Too many uploads wait to be verified; commit again as Retry-After says.',
        {
          retryAfterSeconds: FULL_RETRY_AFTER_SECONDS,
        },
      );
    }
    const startedAtMs = services.clock.monotonicMs();
    const run: Run = { outcome: Promise.resolve({ kind: 'over' }), verifiedBytes: 0, startedAtMs };
    run.outcome = verify(run, attribution, session)
      .catch((error: unknown): RunOutcome => {
        // Nobody may be waiting any more; the next commit starts again.
        services.log.warn({ uploadId: session.uploadId, error: messageOf(error) }, 'a verification failed');
        return { kind: 'failed', error };
      })
      .finally(() => runs.delete(session.uploadId));
    runs.set(session.uploadId, run);
    return run;
  };

  const verify = async (run: Run, attribution: Attribution, session: UploadSession): Promise<RunOutcome> => {
    const { uploadId, objectKey, objectLengthBytes: lengthBytes } = session;
    assert(objectKey !== null && lengthBytes !== null, 'a completed session knows its object');
    const untilFromNow = () => new Date(services.clock.now().getTime() + LEASE_MS);
    const fence = await takeLease(services.db, uploadId, owner, services.clock.now(), untilFromNow());
    if (fence === undefined) return { kind: 'held_elsewhere' };
    const renewal = setInterval(() => {
      renewLease(services.db, uploadId, fence, untilFromNow(), run.verifiedBytes).catch((error: unknown) => {
        services.log.warn({ uploadId, error: messageOf(error) }, 'the lease of a verification could not be renewed');
      });
    }, RENEWAL_MS);
    try {
      const digest = await services.tracer.span('read back', { 'artifortress.length_bytes': lengthBytes }, () =>
        pool.hash({ key: objectKey, lengthBytes }, (hashedBytes) => {
          run.verifiedBytes = hashedBytes;
        }),
      );
      await conclude({ ...attribution, at: services.clock.now() }, session, digest);
      return { kind: 'over' };
    } catch (error) {
      // The mismatch is in the session now, where the caller reads it.
      if (error instanceof AppError && error.code === 'upload_verification_failed') return { kind: 'over' };
      await releaseLease(services.db, uploadId, fence);
      throw error;
    } finally {
      clearInterval(renewal);
    }
  };

  /** Waits for whoever holds the lease, as long as for a reading of our own. */
  const watch = async ({ uploadId, expectedLengthBytes: totalBytes }: UploadSession) => {
    for (let waitedMs = 0; ; waitedMs += WATCH_EVERY_MS) {
      const lease = await readLease(services.db, uploadId);
      if (lease === undefined) return undefined;
      if (waitedMs >= PATIENCE_MS) return { verifiedBytes: lease.verifiedBytes, totalBytes };
      await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS));
    }
  };

  return {
    async advance(attribution, session) {
      const run = runs.get(session.uploadId) ?? start(attribution, session);
      const outcome = await Promise.race([run.outcome, patience()]);
      switch (outcome.kind) {
        case 'over':
          return undefined;
        case 'failed':
          throw outcome.error;
        case 'held_elsewhere':
          return await watch(session);
        case 'still_running':
          return { verifiedBytes: run.verifiedBytes, totalBytes: session.expectedLengthBytes };
      }
    },
    oldestAgeMs() {
      const [oldest] = runs.values();
      return oldest === undefined ? 0 : services.clock.monotonicMs() - oldest.startedAtMs;
    },
    get refused() {
      return refused;
    },
    async close() {
      await pool.close();
      await Promise.all([...runs.values()].map((run) => run.outcome));
    },
  };
}

function patience(): Promise<{ kind: 'still_running' }> {
  return new Promise((resolve) => {
    setTimeout(resolve, PATIENCE_MS, { kind: 'still_running' }).unref();
  });
}
