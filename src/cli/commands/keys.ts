import type { Command } from 'commander';
import { type CommonOptions, clientCommand, outputOf } from '../command.ts';
import { clientFor, resolveAddress } from '../connection.ts';
import type { CliContext } from '../context.ts';

/** `artifortress keys`: no token is needed. */
export function keysCommand(context: CliContext): Command {
  return clientCommand('keys', 'Show the public keys that sign receipts and seal the audit trail, newest first.', [
    'artifortress keys --json > keys.json    # keep it away from the server: it is what receipts are checked with',
  ]).action(async (options: CommonOptions) => {
    const { url } = await resolveAddress(context.environment, options);
    const keys = await clientFor(url, undefined).service.keys({ signal: context.signal });
    outputOf(context, options).result(
      { items: keys },
      keys.map(({ keyId, algorithm, createdAtUtc }) => `${keyId}  ${algorithm}  since ${createdAtUtc}`),
    );
  });
}
