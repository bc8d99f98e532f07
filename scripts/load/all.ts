import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Options } from './options.ts';

interface Step {
  readonly name: string;
  readonly script: string;
  readonly args: readonly string[];
}

const LOAD = fileURLToPath(new URL('./main.ts', import.meta.url));
const BENCH = fileURLToPath(new URL('../bench/main.ts', import.meta.url));
const QUICK_BENCH = ['--seconds', '0.2', '--rounds', '1', '--big-mib', '16', '--traffic-gib', '0.1'];

/**
 * Runs every command, each in a process of its own, so that none finds what another left behind; one that fails doesn't keep the
 * next from its turn. Returns the exit code.
 */
export async function runAll(options: Options): Promise<number> {
  mkdirSync(options.out, { recursive: true });
  const failed: string[] = [];
  for (const step of stepsOf(options)) {
    process.stderr.write(`\n=== ${step.name}\n`);
    const child = spawn(process.execPath, [step.script, ...step.args], { stdio: ['ignore', 'inherit', 'inherit'] });
    const [code] = await once(child, 'exit');
    if (code !== 0) failed.push(step.name);
  }
  for (const name of failed) process.stderr.write(`load: FAILED: ${name}\n`);
  process.stdout.write(`results are in ${options.out}; the report is made by: npm run load:report\n`);
  return failed.length === 0 ? 0 : 1;
}

function stepsOf({ quick, out, dir, seed, serverSettings }: Options): Step[] {
  const settings = Object.entries(serverSettings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const common = ['--out', out, '--dir', dir, '--seed', String(seed), ...settings, ...(quick ? ['--quick'] : [])];
  const load = (name: string, ...args: string[]): Step => ({ name, script: LOAD, args: [...args, ...common] });
  const bench = (name: string, ...args: string[]): Step => ({
    name,
    script: BENCH,
    args: ['--json', join(out, `${name}.json`), '--dir', dir, ...(quick ? QUICK_BENCH : []), ...args],
  });
  return [
    load('throughput on the folder', 'throughput'),
    load('throughput on MinIO', 'throughput', '--store', 'minio'),
    load('slow clients', 'slow'),
    bench('bench-folder'),
    bench('bench-s3', '--store', 's3'),
    load('growth', 'growth'),
    load('soak', 'soak'),
  ];
}
