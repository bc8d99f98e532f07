import { type Command, InvalidArgumentError } from 'commander';
import { clientCommand, parseParallel } from '../command.ts';
import type { CliContext } from '../context.ts';
import { parseSizeBytes } from '../format.ts';
import type { PushCommandOptions } from '../run-push.ts';

const MORE_HELP = `
A folder is pushed with all that is in it; a pattern in quotes is expanded here. Of one file the digest is printed, of several
a line for each, as sha256sum prints and checks them. With --json each file is one line of JSON.

After Ctrl-C, a lost network or a reboot the same command goes on where it stopped: parts that arrived are not sent again. What is
needed for that is kept in $XDG_STATE_HOME/artifortress (default: ~/.local/state), until the push is done.`;

/** `artifortress push`: prints digests alone on standard output, and the rest beside it. */
export function pushCommand(context: CliContext): Command {
  return clientCommand('push', 'Send files into a repository, and print their digests.', [
    'artifortress push app.tar --repo libs',
    "artifortress push dist 'build/*.deb' --repo libs",
    'tar c src | artifortress push - --repo libs',
    'DIGEST=$(artifortress push app.tar --repo libs --quiet)',
    'artifortress push dist --repo libs > SHA256SUMS && sha256sum -c SHA256SUMS',
  ])
    .argument('<file...>', 'files, folders, patterns, or - for standard input')
    .requiredOption('-r, --repo <repository>', 'where they go')
    .option('--no-resume', 'begin anew, and let Ctrl-C abort the upload')
    .option('--dry-run', 'show what would be sent, and change nothing')
    .option('--parallel <n>', 'parts of one file in flight at once (default: as many as make it faster)', parseParallel)
    .option('--part-size <size>', 'like 16MiB (default: as the server suggests)', parsePartSize)
    .addHelpText('after', MORE_HELP)
    .action(async (files: string[], options: PushCommandOptions) => {
      const { runPush } = await import('../run-push.ts');
      await runPush(context, files, options);
    });
}

function parsePartSize(value: string): number {
  const sizeBytes = parseSizeBytes(value);
  if (sizeBytes === null) throw new InvalidArgumentError('Give a size like 16MiB.');
  return sizeBytes;
}
