import { readFileSync } from 'node:fs';

/** A process, told from a later one with the same number: `<pid>-<when it started>`. */
export type Owner = string;

/** In clock ticks since the boot of this machine (proc(5), `stat`, field 22); 0 where there is no `/proc`, or no such process. */
function startTicks(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program stands in parentheses, and may hold anything, spaces too.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '0';
  } catch {
    return '0';
  }
}

/** This process. */
export function thisProcess(): Owner {
  return `${process.pid}-${startTicks(process.pid)}`;
}

/** Whether a process that left something behind still runs, and so still uses it. */
export function isRunning(owner: Owner): boolean {
  const [pid, ticks] = owner.split('-');
  const number = Number(pid);
  if (!Number.isInteger(number) || number <= 0) return false;
  try {
    process.kill(number, 0);
  } catch (error) {
    // EPERM: it is there, and another user's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return startTicks(number) === ticks;
}
