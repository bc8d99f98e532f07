import { describeMachine } from '../bench/machine.ts';
import type { Participants } from '../bench/report.ts';
import type { Options } from './options.ts';
import type { Head } from './results.ts';

/** What every result begins with: the machine, the versions, and how to do it again. */
export function headOf(options: Options, root: string, { versions, missing }: Participants): Head {
  const { typed, quick, seed } = options;
  const names = missing.map(({ name }) => name);
  return { machine: describeMachine(root), versions, missing: names, command: typed, quick, seed };
}
