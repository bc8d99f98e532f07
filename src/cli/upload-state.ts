import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { isRecord } from '../client/parse.ts';
import type { CliEnvironment } from './environment.ts';
import type { FileIdentity } from './file-source.ts';
import { isRunning, type Owner, thisProcess } from './owner.ts';

/** What is kept of an upload while it runs, so that the same push goes on with it after Ctrl-C, a crash or a reboot. */
export interface UploadState {
  readonly url: string;
  readonly repoKey: string;
  /** Absolute. */
  readonly file: string;
  readonly identity: FileIdentity;
  readonly digest: string;
  /** Whether the file was old enough when it was hashed that any later change shows in its times. */
  readonly isDigestTrusted: boolean;
  readonly uploadId: string;
  readonly partSizeBytes: number;
  readonly expiresAtUtc: string | null;
  /** The process that sends it. */
  readonly owner: Owner;
}

/** The uploads that were begun from here; each is found again by server, repository and file. */
export interface UploadStates {
  /** Undefined where nothing was begun, or where another process is at it. */
  find(this: void, url: string, repoKey: string, file: string): UploadState | undefined;
  /** On disk when it returns: a process killed right afterwards has left it. Where that fails the push goes on without. */
  save(this: void, state: UploadState): void;
  forget(this: void, url: string, repoKey: string, file: string): void;
}

const FILE_VERSION = 1;

/** `$XDG_STATE_HOME/artifortress/uploads`, below `~/.local/state` by default. */
function stateFolder({ variables, homeFolder }: CliEnvironment): string {
  const configured = variables.XDG_STATE_HOME;
  // The XDG specification: a relative path there is to be ignored.
  const base =
    configured !== undefined && path.isAbsolute(configured) ? configured : path.join(homeFolder(), '.local', 'state');
  return path.join(base, 'artifortress', 'uploads');
}

/** `onUnsaved` is told why an upload could not be kept: then it cannot be resumed, and that is all. */
export function openUploadStates(environment: CliEnvironment, onUnsaved: (error: unknown) => void): UploadStates {
  const folder = stateFolder(environment);
  const nameOf = (url: string, repoKey: string, file: string): string => {
    const key = createHash('sha256').update([url, repoKey, file].join('\0')).digest('hex');
    return path.join(folder, `${key.slice(0, 32)}.json`);
  };
  forgetExpired(folder, environment.nowMs());
  return {
    find(url, repoKey, file) {
      const state = readState(nameOf(url, repoKey, file));
      if (state === undefined) return undefined;
      const isElsewhere = state.owner !== thisProcess() && isRunning(state.owner);
      return isElsewhere ? undefined : state;
    },
    save(state) {
      try {
        mkdirSync(folder, { recursive: true, mode: 0o700 });
        replaceFile(nameOf(state.url, state.repoKey, state.file), JSON.stringify({ version: FILE_VERSION, ...state }));
      } catch (error) {
        onUnsaved(error);
      }
    },
    forget(url, repoKey, file) {
      try {
        rmSync(nameOf(url, repoKey, file), { force: true });
      } catch (error) {
        onUnsaved(error);
      }
    },
  };
}

/** Mode 0600: it tells what is pushed where. */
function replaceFile(file: string, content: string): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(handle, content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, file);
}

/** Undefined where there is none, and where it is not of this version: then the push begins anew. */
function readState(file: string): UploadState | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
  if (!isRecord(parsed) || parsed.version !== FILE_VERSION || !isRecord(parsed.identity)) return undefined;
  const texts = ['url', 'repoKey', 'file', 'digest', 'uploadId', 'owner'];
  const isWhole = texts.every((name) => typeof parsed[name] === 'string') && typeof parsed.partSizeBytes === 'number';
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the fields have just been looked at
  return isWhole ? (parsed as unknown as UploadState) : undefined;
}

/** What the server has ended by now is of no use; so a folder of states does not grow for ever. */
function forgetExpired(folder: string, nowMs: number): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) {
    const file = path.join(folder, name);
    const expiresAt = Date.parse(readState(file)?.expiresAtUtc ?? '');
    if (expiresAt < nowMs) rmSync(file, { force: true });
  }
}
