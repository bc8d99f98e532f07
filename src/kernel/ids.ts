import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import type { Clock } from './clock.ts';

/** Where identifiers and secrets come from, so that tests own them. */
export interface Ids {
  /** A UUID of version 7 (RFC 9562 §5.7): ids made later sort later, which keeps indexes dense and pages in order of time. */
  uuid: () => string;
  /** Bytes from the system's cryptographic source. */
  randomBytes: (count: number) => Buffer;
}

export function createIds(clock: Clock): Ids {
  return { uuid: () => v7({ msecs: clock.now().getTime() }), randomBytes };
}
