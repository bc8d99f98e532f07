import { DEFAULT_TENANT, type Principal } from '../access/model.ts';
import type { RepoKey } from '../access/repo-key.ts';
import { type DenialReason, messageOf } from '../kernel/errors.ts';
import type { Services } from '../services.ts';
import { SYSTEM_ACTOR } from './model.ts';
import { recordAudit } from './store.ts';

/** Denials written down in one go at the most, and then on average a second: a flood of them must not fill the disk. */
const BURST = 200;
const SUSTAINED_PER_SECOND = 10;

/** What a row is about that counts those that were left out. */
const EVERY_ROUTE = { route: '*', repoKey: null, requestId: null };

interface Denial {
  /** Method and pattern. */
  route: string;
  /** The repository that a known caller asked for, whether there is one or not. */
  repoKey: RepoKey | null;
  /** Who was refused, as far as that is known. */
  who: Principal | string;
  needed: string;
  reason: DenialReason;
  requestId: string;
}

/** Writes down who was refused what. The refusal stands even where its row can't be written. */
export interface DenialRecorder {
  record(denial: Denial): Promise<void>;
  /** Writes down how many were left out since the last time, where no further denial has done so. */
  flush(): Promise<void>;
  /** How many there were by reason, since the start of the process. */
  totals(): Readonly<Record<DenialReason, number>>;
  /** How many of them have no row of their own. */
  unrecorded(): number;
}

export function createDenialRecorder(services: Pick<Services, 'db' | 'clock' | 'log'>): DenialRecorder {
  let allowance = BURST;
  let refilledAtMs = services.clock.monotonicMs();
  let omitted = 0;
  let unrecorded = 0;
  const totals: Record<DenialReason, number> = {
    unknown: 0,
    expired: 0,
    revoked: 0,
    forged: 0,
    forbidden: 0,
    no_rule: 0,
    wrong_bootstrap_secret: 0,
  };

  const admit = (): boolean => {
    const nowMs = services.clock.monotonicMs();
    allowance = Math.min(BURST, allowance + ((nowMs - refilledAtMs) / 1000) * SUSTAINED_PER_SECOND);
    refilledAtMs = nowMs;
    if (allowance < 1) return false;
    allowance -= 1;
    return true;
  };

  const write = async (
    actor: string,
    tenantId: Principal['tenantId'],
    { route, repoKey, requestId }: { route: string; repoKey: RepoKey | null; requestId: string | null },
    details: object,
  ) => {
    const attribution = { tenantId, actor, requestId, at: services.clock.now() };
    const event = { action: 'authz.denied', resourceId: route, repoKey, details: { ...details } } as const;
    await recordAudit(services.db, attribution, event);
  };

  const accountForOmitted = async (): Promise<void> => {
    const left = omitted;
    omitted = 0;
    try {
      if (left > 0) await write(SYSTEM_ACTOR, DEFAULT_TENANT, EVERY_ROUTE, { omitted: left });
    } catch (error) {
      omitted += left;
      throw error;
    }
  };

  return {
    flush: accountForOmitted,

    async record(denial) {
      const { route, who, needed, reason } = denial;
      totals[reason] += 1;
      if (!admit()) {
        omitted += 1;
        unrecorded += 1;
        return;
      }
      try {
        await accountForOmitted();
        const [actor, tenantId] = typeof who === 'string' ? [who, DEFAULT_TENANT] : [who.subject, who.tenantId];
        await write(actor, tenantId, denial, { needed, reason });
      } catch (error) {
        omitted += 1;
        unrecorded += 1;
        services.log.warn({ route, error: messageOf(error) }, 'a denial could not be written down');
      }
    },
    totals: () => totals,
    unrecorded: () => unrecorded,
  };
}
