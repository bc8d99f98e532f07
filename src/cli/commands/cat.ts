import { once } from 'node:events';
import { type Command, InvalidArgumentError } from 'commander';
import type { ByteRange } from '../../client/blobs.ts';
import { type CommonOptions, clientCommand } from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { parseBlobReference } from '../references.ts';

interface CatOptions extends CommonOptions {
  readonly range?: ByteRange;
}

/** `artifortress cat`: the bytes on standard output; a range of them is not verified, since a digest is that of the whole. */
export function catCommand(context: CliContext): Command {
  return clientCommand('cat', 'Print a blob on standard output, or a range of it.', [
    'artifortress cat libs/9f86d081884c7d65… | tar t',
    'artifortress cat libs/9f86d081884c7d65… --range 0-1023 | xxd',
    'artifortress cat libs/9f86d081884c7d65… --range=-100    # the last 100 bytes',
  ])
    .argument('<blob>', '<repository>/<digest>')
    .option('--range <range>', 'a-b, a- or -n, in bytes from 0, both ends included as in HTTP', parseRange)
    .addHelpText(
      'after',
      '\nThe whole is verified as it flows: if the exit code is not 0, drop what came. A range cannot be verified.',
    )
    .action(async (reference: string, { range, ...options }: CatOptions) => {
      const { signal, environment } = context;
      const { repoKey, digest } = parseBlobReference(reference);
      const client = await connect(context, options, { patient: true });
      const { body } =
        range === undefined
          ? await client.pull({ repoKey, digest, signal })
          : await client.blobs.get(repoKey, digest, { range, signal });
      for await (const chunk of body) {
        if (!environment.stdout.write(chunk)) await once(environment.stdout, 'drain', { signal });
      }
    });
}

/** For `--range`: as in a `Range` header, without its unit. */
function parseRange(text: string): ByteRange {
  const [, start = '', end = ''] = /^(\d*)-(\d*)$/.exec(text.trim()) ?? [];
  if (start === '' && end === '') throw new InvalidArgumentError('Give a range like 0-1023, 1024- or -100.');
  if (start === '') return { last: Number(end) };
  return end === '' ? { start: Number(start) } : { start: Number(start), end: Number(end) };
}
