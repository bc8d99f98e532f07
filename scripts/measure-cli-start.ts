import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

// How long the command line takes to say its version and its help: `npm run bench:cli-start`. The aim is 150 ms each, of which
// an empty program of Node's own takes the part that is printed last.

const BIN = join(import.meta.dirname, '..', 'bin', 'artifortress.js');
const ROUNDS = 15;
const AIM_MS = 150;

function medianMs(args: readonly string[]): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const startedMs = performance.now();
    spawnSync(process.execPath, args, { stdio: 'ignore' });
    return performance.now() - startedMs;
  });
  return times.toSorted((left, right) => left - right)[Math.floor(ROUNDS / 2)] ?? 0;
}

for (const [name, args] of [
  ['--version', [BIN, '--version']],
  ['--help', [BIN, '--help']],
  ['push --help', [BIN, 'push', '--help']],
  ['nothing at all', ['-e', '']],
] as const) {
  process.stdout.write(`${name.padEnd(16)} ${medianMs(args).toFixed(0).padStart(5)} ms (aim: ${AIM_MS})\n`);
}
