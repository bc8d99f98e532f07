import type { Command } from 'commander';
import { type CommonOptions, clientCommand, outputOf } from '../command.ts';
import { connect } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { pairs } from '../output.ts';

/** `artifortress whoami`. */
export function whoamiCommand(context: CliContext): Command {
  return clientCommand('whoami', 'Show who your token is, and what it allows.', [
    'artifortress whoami',
    'artifortress whoami --json',
  ]).action(async (options: CommonOptions) => {
    const client = await connect(context, options);
    const identity = await client.service.whoami({ signal: context.signal });
    outputOf(context, options).result(
      { url: client.url, ...identity },
      pairs([
        ['Server', client.url],
        ['Subject', identity.subject],
        ['Scopes', identity.scopes.join(' ') || '(none)'],
        ['Token', identity.tokenId],
        ['Expires', identity.expiresAtUtc],
      ]),
    );
  });
}
