import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StartupError } from '../errors.ts';
import type { Binaries } from './binaries.ts';
import { type Command, runToEnd } from './command.ts';
import { errorCode } from './error-code.ts';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** As whom, and by which wrapper, the PostgreSQL programs run. */
export interface RunAs {
  readonly description: string;
  /** Whom the files must belong to; undefined when what this process creates already belongs to the right user. */
  readonly owner: Owner | undefined;
  /**
   * The command, wrapped. On Linux the kernel sends `deathSignal` to the program when the thread that started it ends,
   * even by kill -9. (So start PostgreSQL from the main thread. A parent that dies in the millisecond before the
   * wrapper has said so leaves a stray, which the next start stops.)
   */
  command(deathSignal: 'QUIT' | 'KILL', program: string, args: readonly string[]): Command;
}

/** `nobody`, on every Linux that has one. */
const NOBODY: Owner = { uid: 65534, gid: 65534 };
const PROBE_LIMIT_MS = 20_000;

/**
 * Chooses the first way of running PostgreSQL that works here, tried by asking the server for its version from the
 * folder that holds the data, and tells that version. PostgreSQL refuses to run as root, hence the alternatives.
 */
export async function chooseRunAs(
  binaries: Binaries,
  dataDirectory: string,
): Promise<{ runAs: RunAs; majorVersion: string }> {
  const refusals: string[] = [];
  for (const runAs of waysToRun(await ownerOf(dataDirectory), dataDirectory)) {
    const enterAndAsk = ['-c', 'cd "$1" && exec "$2" --version', 'sh', dirname(dataDirectory), binaries.postgres];
    const probe = await runToEnd(runAs.command('KILL', 'sh', enterAndAsk), { limitMs: PROBE_LIMIT_MS });
    const majorVersion = /PostgreSQL\) (\d+)/.exec(probe.output)?.[1];
    if (probe.succeeded && majorVersion !== undefined) return { runAs, majorVersion };
    refusals.push(`  ${runAs.description}: ${probe.output}`);
  }
  throw new StartupError(
    `The embedded PostgreSQL (${binaries.postgres}) cannot run here:\n${refusals.join('\n')}\n` +
      `Start artifortress as an ordinary user who may enter ${dirname(dataDirectory)}, or set DATABASE_URL to use a ` +
      'server of your own. ("not found" for a file that exists means a Linux without glibc, such as Alpine.)',
  );
}

function waysToRun(dataOwner: Owner | undefined, dataDirectory: string): RunAs[] {
  const self = process.getuid?.() ?? 0;
  if (self !== 0 && dataOwner !== undefined && dataOwner.uid !== self) {
    throw new StartupError(
      `The PostgreSQL data in ${dataDirectory} belongs to uid ${dataOwner.uid}, but artifortress runs as uid ${self}. ` +
        `Start it as that user, or hand the folder over: chown -R ${self} ${dataDirectory}`,
    );
  }
  if (process.platform !== 'linux') {
    if (self !== 0) return [way('as this user', [])];
    throw new StartupError(
      'PostgreSQL refuses to run as root. Start artifortress as an ordinary user, or set DATABASE_URL to use a server of your own.',
    );
  }
  if (self !== 0) return [dyingWithUs('as this user', []), way('as this user, without setpriv', [])];

  // A folder that another user's server has filled stays with that user: only its owner may run a server on it.
  const other = dataOwner === undefined || dataOwner.uid === 0 ? NOBODY : dataOwner;
  const asOther = ['setpriv', `--reuid=${other.uid}`, `--regid=${other.gid}`, '--clear-groups'];
  // The data or node_modules may lie where only root can enter, such as /root. In the user namespace below PostgreSQL
  // reads what root owns; this capability gives it the same reach, and no more than that.
  const reachingAll = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  const outsideNamespace = [
    dyingWithUs(`as uid ${other.uid}`, asOther, other),
    dyingWithUs(`as uid ${other.uid} with CAP_DAC_OVERRIDE`, [...asOther, ...reachingAll], other),
  ];
  if (other !== NOBODY) return outsideNamespace;
  const inNamespace = ['unshare', '--user', '--map-user=1000', '--map-group=1000'];
  return [dyingWithUs('in a user namespace', inNamespace), ...outsideNamespace];
}

function way(description: string, prefix: readonly string[], owner?: Owner): RunAs {
  return { description, owner, command: (_deathSignal, program, args) => commandOf([...prefix, program, ...args]) };
}

/** setpriv is innermost because a change of user clears the death signal. */
function dyingWithUs(description: string, prefix: readonly string[], owner?: Owner): RunAs {
  return {
    description,
    owner,
    command: (deathSignal, program, args) =>
      commandOf([...prefix, 'setpriv', '--pdeathsig', deathSignal, '--', program, ...args]),
  };
}

function commandOf(words: readonly string[]): Command {
  const [program, ...args] = words;
  if (program === undefined) throw new Error('a command has at least a program');
  return [program, ...args];
}

async function ownerOf(folder: string): Promise<Owner | undefined> {
  try {
    const { uid, gid } = await stat(folder);
    return { uid, gid };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
