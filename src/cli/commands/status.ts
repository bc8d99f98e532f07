import type { Command } from 'commander';
import type { Artifortress } from '../../client/artifortress.ts';
import { ArtifortressError } from '../../client/errors.ts';
import type { Identity } from '../../client/types.ts';
import { type CommonOptions, clientCommand, outputOf } from '../command.ts';
import { clientFor, resolveAddress } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { pairs } from '../output.ts';

/** `artifortress status`: whether the server can work, and who we are to it. */
export function statusCommand(context: CliContext): Command {
  return clientCommand('status', 'Show whether the server is ready, and who you are to it.', [
    'artifortress status',
    'until artifortress status --quiet; do sleep 1; done',
  ])
    .alias('health')
    .addHelpText('after', '\nExits with 6 while the server is not ready.')
    .action((options: CommonOptions) => runStatus(context, options));
}

async function runStatus(context: CliContext, options: CommonOptions): Promise<void> {
  const { url, token } = await resolveAddress(context.environment, options);
  const client = clientFor(url, token ?? undefined);
  const [info, readiness] = await Promise.all([
    client.service.info({ signal: context.signal }),
    client.service.readiness({ signal: context.signal }),
  ]);
  const identity = token === null ? null : await identityOf(client, context.signal);
  const dependencies = Object.entries(readiness.dependencies);
  outputOf(context, options).result(
    { url, ...info, ...readiness, identity },
    pairs([
      ['Server', `${url} (${info.service} ${info.version})`],
      ['Ready', readiness.ready ? 'yes' : 'no'],
      ...dependencies.map(([name, { status, detail }]): [string, string] => [
        `  ${name}`,
        detail === null ? status : `${status}: ${detail}`,
      ]),
      ['Signed in', signedInText(token, identity)],
    ]),
  );
  if (!readiness.ready) context.exitCode = EXIT.unavailable;
}

function signedInText(token: string | null, identity: Identity | null): string {
  if (identity !== null) return `as ${identity.subject}, until ${identity.expiresAtUtc}`;
  return token === null ? 'no' : 'no: the token is not accepted';
}

/** Null where the token is refused, or where the server is not ready to tell: neither is a reason to show no status. */
async function identityOf(client: Artifortress, signal: AbortSignal): Promise<Identity | null> {
  try {
    return await client.service.whoami({ signal });
  } catch (error) {
    if (error instanceof ArtifortressError) return null;
    throw error;
  }
}
