import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { findProgram } from './bench/programs.ts';

export const S3_SERVER_NAMES = ['minio', 'versitygw'] as const;
export type S3ServerName = (typeof S3_SERVER_NAMES)[number];

/** What reads the files of `deploy/` as their users would. */
export const DEPLOYMENT_CHECKER_NAMES = ['helm', 'kubectl-validate', 'kube-score', 'compose-spec'] as const;

export type GoProgramName = S3ServerName | (typeof DEPLOYMENT_CHECKER_NAMES)[number];

interface GoProgram {
  readonly package: string;
  readonly version: string;
  /** What Go calls the program, where it is not the name here: the last word of the package. */
  readonly builtAs?: string;
}

/** Built from source, since MinIO publishes no binaries any more. MinIO has no tags that Go would take for versions. */
const PROGRAMS: Readonly<Record<GoProgramName, GoProgram>> = {
  minio: { package: 'github.com/minio/minio', version: 'v0.0.0-20260212201848-7aac2a2c5b7c' },
  versitygw: { package: 'github.com/versity/versitygw/cmd/versitygw', version: 'v1.8.0' },
  helm: { package: 'helm.sh/helm/v3/cmd/helm', version: 'v3.19.0' },
  'kubectl-validate': { package: 'sigs.k8s.io/kubectl-validate', version: 'v0.0.4' },
  'kube-score': { package: 'github.com/zegl/kube-score/cmd/kube-score', version: 'v1.20.0' },
  // What `docker compose` reads its files with; that itself can't be built by its package name.
  'compose-spec': { package: 'github.com/compose-spec/compose-go/v2/cmd', version: 'v2.16.2', builtAs: 'cmd' },
};

/** The newest that the `go.mod` of any of them asks for. */
const LEAST_GO_VERSION = '1.25';

/** Returns the version that is pinned. */
export function versionOf(name: GoProgramName): string {
  return PROGRAMS[name].version;
}

/** Returns where the program of this version is looked for, whether or not it is there. */
function programPath(name: GoProgramName): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'artifortress', 'bin', `${name}@${PROGRAMS[name].version}`, name);
}

/** Tells whether the program of this version was built before. */
export function isBuilt(name: GoProgramName): boolean {
  try {
    accessSync(programPath(name), constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Tells whether what isn't built yet can be. */
export function canBuild(): boolean {
  return findProgram('go') !== null;
}

/**
 * Returns the path of the program, built first where no run before did. A build cut short leaves no program behind, and
 * two at once don't harm each other.
 */
export async function ensureBuilt(name: GoProgramName): Promise<string> {
  const path = programPath(name);
  if (isBuilt(name)) return path;
  const go = findProgram('go');
  if (go === null)
    throw new Error(
      `${name} is not built yet and there is no "go" on the PATH to build it with: install Go ${LEAST_GO_VERSION} or newer, or put a ${name} ${PROGRAMS[name].version} at ${path}`,
    );

  process.stderr.write(`Building ${name} ${PROGRAMS[name].version}: this takes minutes, and once only.\n`);
  const folder = dirname(path);
  await mkdir(folder, { recursive: true });
  // Beside its place, since a rename is atomic only within a file system.
  const buildFolder = await mkdtemp(join(folder, 'build-'));
  try {
    await goInstall(go, PROGRAMS[name], buildFolder);
    await rename(join(buildFolder, PROGRAMS[name].builtAs ?? name), path);
  } finally {
    await rm(buildFolder, { recursive: true, force: true });
  }
  return path;
}

/** What go says goes to stderr, so that stdout stays what this program prints. */
async function goInstall(go: string, { package: packagePath, version }: GoProgram, folder: string): Promise<void> {
  const target = `${packagePath}@${version}`;
  const child = spawn(go, ['install', target], { stdio: ['ignore', 2, 2], env: { ...process.env, GOBIN: folder } });
  // Go ends first and this program after it, so that the temporary folder is removed on Ctrl-C too.
  const forward = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, forward);
  try {
    const ended = await new Promise<string>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code, signal) => resolve(signal ?? `code ${code}`));
    });
    if (ended !== 'code 0') throw new Error(`"go install ${target}" ended with ${ended}: see what it wrote above`);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, forward);
  }
}
