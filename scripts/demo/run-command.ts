import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { CommandRun } from './narrator.ts';

export const PROGRAM = join(import.meta.dirname, '..', '..', 'bin', 'artifortress.js');

/** Nobody listens there (RFC 6335: "discard", and not on this machine): a command that asked a server would fail. */
const NO_SERVER = 'http://127.0.0.1:9';

/** Runs the command line in a folder, without a server that it could ask. */
export function runCommand(folder: string, args: readonly string[]): Promise<CommandRun> {
  const env = { PATH: process.env.PATH, HOME: folder, NO_COLOR: '1', ARTIFORTRESS_URL: NO_SERVER };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [PROGRAM, ...args], { cwd: folder, env }, (_error, stdout, stderr) => {
      resolve({
        line: `artifortress ${args.join(' ')}`,
        output: `${stderr}${stdout}`,
        // -1: it was ended by a signal, or could not be started.
        exitCode: child.exitCode ?? -1,
      });
    });
  });
}
