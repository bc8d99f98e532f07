import { inject } from 'vitest';
import type { Logger } from '../../src/kernel/log.ts';
import { loggerTo } from './suite-log.ts';

/** What every server of a test logs to: the log of the whole run. */
export function suiteLogger(): Logger {
  return loggerTo(inject('suiteLogFolder'));
}
