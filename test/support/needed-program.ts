import { execFileSync } from 'node:child_process';

/**
 * Whether tests that need a program from the package of Prometheus are to be run: where it is there, and in CI, where they then fail. Else a
 * line says what is skipped, and how to enable it.
 */
export function isToBeRun(program: string, whatIsSkipped: string): boolean {
  if (process.env.CI === 'true' || canRun(program)) return true;
  process.stderr.write(`SKIPPED: ${whatIsSkipped}, which is not here: apt-get install prometheus\n`);
  return false;
}

function canRun(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
