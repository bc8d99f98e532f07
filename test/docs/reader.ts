import { findProgram, outputOf, versionIn } from '../../scripts/bench/programs.ts';

/** The first with `--json`. */
const LEAST_CURL = [7, 82];

/** What every guide's examples need. */
const PROGRAMS = ['bash', 'jq', 'curl', 'sha256sum'];

/**
 * Whether a reader of the guides could type their examples here, which may need more programs. If not, a loud line says why; in CI
 * it is an error.
 */
export function canTypeExamples(...more: string[]): boolean {
  const reason = reasonNotTo([...PROGRAMS, ...more]);
  if (reason === null) return true;
  if (process.env.CI === 'true') throw new Error(`the examples of the guides must be run in CI, but ${reason}`);
  process.stderr.write(`\n*** THE EXAMPLES OF THE GUIDES ARE NOT RUN: ${reason}.\n\n`);
  return false;
}

function reasonNotTo(programs: readonly string[]): string | null {
  const missing = programs.find((program) => findProgram(program) === null);
  if (missing !== undefined) return `there is no ${missing}: install it`;
  const [major = 0, minor = 0] = versionIn(outputOf('curl', ['--version']))
    .split('.')
    .map(Number);
  const [leastMajor = 0, leastMinor = 0] = LEAST_CURL;
  const isNewEnough = major > leastMajor || (major === leastMajor && minor >= leastMinor);
  return isNewEnough ? null : `curl ${major}.${minor} knows no --json: install ${LEAST_CURL.join('.')} or newer`;
}
