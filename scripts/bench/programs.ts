import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Debian keeps servers here, and a plain user's `PATH` leaves it out. */
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin'];

/** Returns the path of an installed program, or null. */
export function findProgram(name: string): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SERVER_FOLDERS];
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Returns what a program says, on whichever stream, without the white space around it; null if it fails or isn't there. */
export function outputOf(program: string, args: readonly string[], cwd?: string): string | null {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd });
  return status === 0 ? `${stdout}${stderr}`.trim() : null;
}

/** Returns the first thing in a text that looks like a version. */
export function versionIn(text: string | null): string {
  return /\d+\.\d+[\w.+-]*/.exec(text ?? '')?.[0] ?? 'unknown';
}
