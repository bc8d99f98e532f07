import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { createLogger, type Logger } from '../../src/kernel/log.ts';
import { describeLeaks, findLeaks } from './log-secrets.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where every server of the whole run logs to. */
    suiteLogFolder: string;
  }
}

/** Everything, of any level, goes to the log of the whole run, which is searched for secrets at its end. */
export function loggerTo(folder: string): Logger {
  const file = join(folder, `${process.pid}-${randomBytes(4).toString('hex')}.log`);
  return createLogger('trace', { write: (line) => appendFileSync(file, line) });
}

/** @returns what ends the run, and fails it where a secret was logged anywhere in it. */
export async function keepSuiteLog(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'artifortress-suite-log-'));
  project.provide('suiteLogFolder', folder);
  return async () => {
    const leaks = await findLeaks(folder);
    if (leaks.length === 0) {
      await rm(folder, { recursive: true, force: true });
      return;
    }
    // What is thrown here vitest only prints.
    process.exitCode = 1;
    throw new Error(describeLeaks(leaks, folder));
  };
}
