import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What a shell reports for a program ended by SIGINT. */
export const INTERRUPTED = 130;

export interface Workplace {
  /** An empty folder, removed at the end. */
  readonly root: string;
  /** Ends what is put on it: servers, mostly. */
  readonly stack: AsyncDisposableStack;
  /** Says a line to whoever watches. */
  readonly progress: (line: string) => void;
}

/**
 * Runs `work` in a temporary folder below `dir`; returns null when interrupted. Whatever happens, the servers are ended before
 * the folder under them is removed; a second Ctrl-C changes nothing, since the first is bounded in time.
 */
export async function inTemporaryFolder<Result>(
  program: string,
  dir: string,
  work: (workplace: Workplace) => Promise<Result>,
): Promise<Result | null> {
  await using stack = new AsyncDisposableStack();
  const root = mkdtempSync(join(dir, `artifortress-${program}-`));
  stack.defer(() => rmSync(root, { recursive: true, force: true }));
  const interrupt = () => {
    if (stack.disposed) return;
    process.stderr.write(`${program}: interrupted, cleaning up\n`);
    stack.disposeAsync().then(
      () => process.exit(INTERRUPTED),
      () => process.exit(INTERRUPTED),
    );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  // Servers that end under a running window fail it, which is no news to somebody who interrupted.
  const progress = (line: string) => {
    if (!stack.disposed) process.stderr.write(`${line}\n`);
  };
  try {
    const result = await work({ root, stack, progress });
    return stack.disposed ? null : result;
  } catch (error) {
    if (stack.disposed) return null;
    throw error;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, interrupt);
  }
}
