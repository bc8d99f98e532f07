import type { Clock } from '../kernel/clock.ts';
import type { Database } from '../kernel/database.ts';
import type { TokenId } from './model.ts';
import { saveLastUses } from './token-store.ts';

/** Tokens remembered between two writes at the most; beyond that the uses of further tokens go unrecorded until the next write. */
const MAXIMUM_REMEMBERED_TOKENS = 10_000;

/** Records when tokens were last used, without a write for each request. */
export interface LastUseRecorder {
  note(tokenId: TokenId): void;
  /** Writes what was noted since the last time. */
  flush(): Promise<void>;
}

export function createLastUseRecorder({ db, clock }: { db: Database; clock: Clock }): LastUseRecorder {
  let uses = new Map<TokenId, Date>();
  return {
    note(tokenId) {
      if (uses.size < MAXIMUM_REMEMBERED_TOKENS || uses.has(tokenId)) uses.set(tokenId, clock.now());
    },
    async flush() {
      if (uses.size === 0) return;
      const noted = uses;
      uses = new Map();
      await saveLastUses(db, noted);
    },
  };
}
