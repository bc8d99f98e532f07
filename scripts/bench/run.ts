import { describeMachine } from './machine.ts';
import type { Options } from './options.ts';
import type { Report } from './report.ts';
import { runOnFolder } from './run-on-folder.ts';
import { runOnS3 } from './run-on-s3.ts';

/** Starts the servers, runs what the options ask for, and returns what was found. The stack ends what was started. */
export async function run(
  options: Options,
  root: string,
  stack: AsyncDisposableStack,
  progress: (line: string) => void,
): Promise<Report> {
  const machine = describeMachine(root);
  const runOnStore = options.store === 's3' ? runOnS3 : runOnFolder;
  const findings = await runOnStore(options, root, stack, progress);
  return { options, machine, ...findings };
}
