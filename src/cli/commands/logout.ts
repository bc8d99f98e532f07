import type { Command } from 'commander';
import { type CommonOptions, clientCommand, outputOf } from '../command.ts';
import { resolveAddress } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { readCredentials, withoutServer, writeCredentials } from '../credentials.ts';

/** `artifortress logout`: forgets a token here. The server would still take it. */
export function logoutCommand(context: CliContext): Command {
  return clientCommand('logout', 'Forget the token kept for a server.', [
    'artifortress logout',
    'artifortress logout --url https://artifacts.example.com',
  ])
    .addHelpText('after', '\nThe token itself stays valid until it expires: "artifortress token revoke" ends it.')
    .action((options: CommonOptions) => runLogout(context, options));
}

async function runLogout(context: CliContext, options: CommonOptions): Promise<void> {
  const { environment } = context;
  const output = outputOf(context, options);
  const { url } = await resolveAddress(environment, options);
  const stored = await readCredentials(environment);
  const wasSignedIn = stored.servers[url] !== undefined;
  if (wasSignedIn) await writeCredentials(environment, withoutServer(stored, url));
  output.note(wasSignedIn ? `Signed out of ${url}.` : `Nobody was signed in to ${url}.`);
  output.result({ url, wasSignedIn }, []);
}
