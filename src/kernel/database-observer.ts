/** What the pool is doing at this moment. */
export interface PoolState {
  limit: number;
  inUse: number;
  idle: number;
  /** Callers that wait for a free connection. */
  waiting: number;
}

/** Told how long statements and transactions took and how they went. */
export interface DatabaseObserver {
  statement(outcome: 'ok' | 'failed', durationMs: number): void;
  /** Each attempt. */
  transaction(outcome: 'committed' | 'rolled_back', durationMs: number): void;
  /** conflict: a deadlock or a serialization failure; unavailable: the database is away. */
  error(kind: 'conflict' | 'unavailable' | 'other'): void;
}

/** Where nobody scrapes: an operator's command. */
export const NO_OBSERVER: DatabaseObserver = {
  statement: () => undefined,
  transaction: () => undefined,
  error: () => undefined,
};
