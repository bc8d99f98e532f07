import type { Services } from '../services.ts';
import {
  boundStatements,
  countDueJobs,
  countLiveSessions,
  countUnsealedRows,
  readWalArchiving,
  type WalArchiving,
} from './backlog-store.ts';

/** What is still to be done in the whole installation, as it was when the worker last looked. */
export interface Backlog {
  measuredAt: Date;
  /** Live upload sessions by state. */
  sessions: Record<string, number>;
  jobsDue: number;
  oldestJobMs: number;
  unsealedRows: number;
  oldestUnsealedMs: number;
  /** Undefined where the log of the database is not archived. */
  walArchiving: WalArchiving | undefined;
}

/** No more often than metrics are usually scraped, however short the rounds of the worker are. */
const MEASURE_EVERY_MS = 15_000;
/** A measurement that takes longer is not worth it: the metrics then tell by their own age that they are old. */
const STATEMENT_TIMEOUT_MS = 2_000;

export interface BacklogMeter {
  /** Counts anew, if the last count is old enough. */
  measure(): Promise<void>;
  last(): Backlog | undefined;
}

/** Counts the backlog for the metrics, so that no scrape asks the database. */
export function createBacklogMeter({ db, clock }: Pick<Services, 'db' | 'clock'>): BacklogMeter {
  let last: Backlog | undefined;
  let measuredAtMs = Number.NEGATIVE_INFINITY;
  return {
    async measure() {
      if (clock.monotonicMs() - measuredAtMs < MEASURE_EVERY_MS) return;
      measuredAtMs = clock.monotonicMs();
      last = await measureBacklog({ db, clock });
    },
    last: () => last,
  };
}

async function measureBacklog({ db, clock }: Pick<Services, 'db' | 'clock'>): Promise<Backlog> {
  const measuredAt = clock.now();
  const ageMs = (at: Date | null) => (at === null ? 0 : Math.max(0, measuredAt.getTime() - at.getTime()));
  const [, sessions, jobs, unsealed, walArchiving] = await db.transaction((transaction) =>
    Promise.all([
      boundStatements(transaction, STATEMENT_TIMEOUT_MS),
      countLiveSessions(transaction),
      countDueJobs(transaction, measuredAt),
      countUnsealedRows(transaction),
      readWalArchiving(transaction),
    ]),
  );
  return {
    measuredAt,
    sessions: { ...NO_SESSIONS, ...Object.fromEntries(sessions.map(({ state, count }) => [state, count])) },
    jobsDue: jobs.count,
    oldestJobMs: ageMs(jobs.oldestAt),
    unsealedRows: unsealed.count,
    oldestUnsealedMs: ageMs(unsealed.oldestAt),
    walArchiving,
  };
}

const NO_SESSIONS = { initiated: 0, parts_uploading: 0, pending_commit: 0 };
